"""The gallery of a batch: an HTML page that shows every photo before and after."""
