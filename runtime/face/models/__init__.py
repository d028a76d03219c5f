"""The two MediaPipe face models, shipped as data (see NOTICE.md)."""
