"""What several tests share: fakes, photos and bundles made up, and the command line."""
