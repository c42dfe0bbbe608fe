"""What ModelArts expects of operators and training jobs."""
