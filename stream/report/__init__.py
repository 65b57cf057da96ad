"""The page that shows what a back-test came to."""
