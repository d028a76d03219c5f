"""Photos: decoded upright into sRGB, and written back in their own format, depth and profile."""
