"""Records what vendors' SDKs send, and compares it with what countersign sends."""
