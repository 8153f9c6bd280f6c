/// The version of this build.
package enum TowlineVersion {
    /// Major, minor and patch; `docs/` and CHANGELOG.md speak of it.
    package static let current = "0.1.0"
}
