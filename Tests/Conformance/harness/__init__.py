"""What the conformance, end-to-end and benchmark scripts share: the server under test and the two ends around it."""
