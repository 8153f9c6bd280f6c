/// Attempts that may begin in a second against one endpoint or origin, spread evenly.
///
/// Up to fifty a second begin one by one; above that they begin in bundles, fifty a second at most. After a bundle there
/// is a rest for as long as its size takes, so that within any second never more begin than allowed.
package struct StartLimit: Sendable, Hashable {
    /// Most attempts that begin at one moment.
    package let bundle: Int
    private let paced: Double

    /// A limit.
    ///
    /// - Parameter perSecond: More than 0; one attempt every ten seconds is 0.1.
    package init(perSecond: Double) {
        let perSecond = max(perSecond, 1e-6)
        bundle = max(1, Int(perSecond / 50))
        // The last bundle of a second comes on top of what the rests before it allow.
        paced = perSecond < 1 ? perSecond : max(1, perSecond - Double(bundle) + 1)
    }

    /// How long nothing more begins after a number of attempts, in whole milliseconds.
    package func rest(after count: Int) -> Duration {
        .milliseconds(Int64((Double(count) * 1000 / paced).rounded(.up)))
    }
}
