"""A run as one page: what stands in it (`content`), how drawings become SVG (`plots`, `networks`), and how all becomes HTML (`page`)."""
