"""Names of classes, for archives that have none or ids alone (NOTICE says where each list comes from)."""
