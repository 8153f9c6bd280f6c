/// Sizes, rates and times as people read them.
enum Measure {
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

    /// Such as `0 B`, `999 B`, `1.5 KiB`, `12.3 MiB`, `128 MiB`: three digits or four.
    static func bytes(_ count: Int64) -> String {
        let power = power(of: count)
        return "\(number(count, power: power)) \(units[power])"
    }

    /// Such as `12.3/29.1 MiB`: both in the unit of the total.
    static func bytes(_ count: Int64, of total: Int64) -> String {
        let power = power(of: total)
        return "\(number(count, power: power))/\(number(total, power: power)) \(units[power])"
    }

    /// Such as `3.2 MiB/s`.
    static func rate(bytesPerSecond: Double) -> String {
        bytes(Int64(min(max(bytesPerSecond, 0), 1e15))) + "/s"
    }

    /// Such as `0:05`, `12:34`, `1:02:03`, `4d 3h`.
    static func time(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        if seconds >= 86_400 { return "\(seconds / 86_400)d \(seconds / 3600 % 24)h" }
        if seconds >= 3600 { return "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))" }
        return "\(seconds / 60):\(two(seconds % 60))"
    }

    /// Such as `850 ms`, `2.3 s`, `4:05`: how long something took.
    static func span(milliseconds: Int64) -> String {
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        if milliseconds < 60_000 { return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" }
        return time(.milliseconds(milliseconds))
    }

    /// A share as `0%` to `100%`, cut and never rounded up.
    static func percent(_ count: Int64, of total: Int64) -> String {
        guard total > 0 else { return "100%" }
        return "\(Int(min(max(Double(count) / Double(total), 0), 1) * 100))%"
    }

    /// Such as `[######------]`: a share as a bar with so many columns between its brackets.
    static func bar(_ count: Int64, of total: Int64, columns: Int, style: Style) -> String {
        let share = total > 0 ? min(max(Double(count) / Double(total), 0), 1) : 1
        let full = Int(share * Double(columns))
        return "[" + style.cyan(String(repeating: "#", count: full)) + String(repeating: "-", count: columns - full)
            + "]"
    }

    private static func power(of count: Int64) -> Int {
        var power = 0
        var rest = count
        while rest >= 1024, power < units.count - 1 {
            rest /= 1024
            power += 1
        }
        return power
    }

    /// One decimal below 100, none from there on; always cut, so that a total is never shown before it is reached.
    private static func number(_ count: Int64, power: Int) -> String {
        guard power > 0 else { return String(count) }
        let divisor = Int64(1) << Int64(10 * power)
        let whole = count / divisor
        guard whole < 100 else { return String(whole) }
        return "\(whole).\(count % divisor * 10 / divisor)"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }
}
