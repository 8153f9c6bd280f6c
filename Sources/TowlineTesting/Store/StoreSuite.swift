/// Placeholder-free start of the suite.
package enum StoreSuiteMarker {}
