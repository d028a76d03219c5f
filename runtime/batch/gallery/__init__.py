"""The gallery of a batch: a page that shows every photo before and after."""
