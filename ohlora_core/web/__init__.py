"""The page in Gradio: one module per tab, the face, the settings, the API. Imports the core only."""
