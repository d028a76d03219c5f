"""Ages: requests, aging maps, and atlases of ageing curves."""
