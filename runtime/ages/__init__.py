"""Ages: what is asked for, aging maps, and the atlases along whose curves every sign moves."""
