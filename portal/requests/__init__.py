"""What users ask for. A wish without a consent is a petition: it is kept, and nothing runs."""
