"""Evaluation of aged faces: readings of external estimators ("judges") and measures of the pixels."""
