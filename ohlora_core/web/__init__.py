"""The page in Gradio: one module per tab, face, settings, API. Imports the core only."""
