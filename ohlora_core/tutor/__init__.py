"""ML tutor: retrieval-grounded answers, a quiz and a mock interview (system.md section 5)."""
