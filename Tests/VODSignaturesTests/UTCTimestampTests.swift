import Testing
import VODSignatures

@Suite("Time formats of the wire")
struct UTCTimestampTests {
    @Test(
        "known times are formatted and parsed in each format",
        arguments: [
            (0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_767_323_045, "2026-01-02T03:04:05Z", "Fri, 02 Jan 2026 03:04:05 GMT"),
            (1_751_356_800, "2025-07-01T08:00:00Z", "Tue, 01 Jul 2025 08:00:00 GMT"),
            (951_782_399, "2000-02-28T23:59:59Z", "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_868_799, "2000-02-29T23:59:59Z", "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "2000-03-01T00:00:00Z", "Wed, 01 Mar 2000 00:00:00 GMT"),
            (-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
            (-62_167_219_200, "0000-01-01T00:00:00Z", "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] as [(Int64, String, String)]
    )
    func knownTimes(_ seconds: Int64, _ text: String, _ httpDate: String) {
        #expect(UTCTimestamp.format(seconds) == text)
        #expect(UTCTimestamp.parse(text) == seconds)
        #expect(UTCTimestamp.httpDate(seconds) == httpDate)
        #expect(UTCTimestamp.parseHTTPDate(httpDate) == seconds)
    }

    @Test("every day from 1896 to 2104 survives both formats and follows the day before")
    func everyDay() {
        var seconds = Int64(-2_335_219_200)
        #expect(UTCTimestamp.format(seconds) == "1896-01-01T00:00:00Z")
        var failures = 0
        for day in 0..<75_970 {
            let moment = seconds + Int64(day * 7919 % 86_400)
            if UTCTimestamp.parse(UTCTimestamp.format(moment)) != moment { failures += 1 }
            if UTCTimestamp.parseHTTPDate(UTCTimestamp.httpDate(moment)) != moment { failures += 1 }
            seconds += 86_400
        }
        #expect(failures == 0)
        #expect(UTCTimestamp.format(seconds) == "2104-01-01T00:00:00Z")
    }

    @Test("the compact form has neither dashes nor colons")
    func compact() {
        #expect(UTCTimestamp.compact(1_751_356_800) == "20250701T080000Z")
    }

    @Test("times outside the years 0000 to 9999 become the nearest time within")
    func clamping() {
        #expect(UTCTimestamp.format(.max) == "9999-12-31T23:59:59Z")
        #expect(UTCTimestamp.format(.min) == "0000-01-01T00:00:00Z")
    }

    @Test(
        "a timestamp of another shape or with a field out of range is refused",
        arguments: [
            "", "2026-01-02T03:04:05", "2026-01-02T03:04:05z", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05.000Z",
            "2026-01-02T03:04:05+00:00", "2026-1-02T03:04:05ZZ", " 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z\n",
            "2026-00-02T03:04:05Z", "2026-13-02T03:04:05Z", "2026-01-00T03:04:05Z", "2026-01-32T03:04:05Z",
            "2026-02-29T03:04:05Z", "2100-02-29T03:04:05Z", "2026-04-31T03:04:05Z", "2026-01-02T24:00:00Z",
            "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z", "-026-01-02T03:04:05Z", "+026-01-02T03:04:05Z",
            "２026-01-02T03:04Z", "1767323045", "1767323045000",
        ]
    )
    func refusedTimestamps(_ text: String) {
        #expect(UTCTimestamp.parse(text) == nil)
    }

    @Test(
        "an HTTP date of another shape, with a field out of range or another weekday is refused",
        arguments: [
            "", "Tue, 01 Jul 2025 08:00:00", "Tue, 01 Jul 2025 08:00:00 UTC", "Tue, 1 Jul 2025 08:00:00 GMT",
            "tue, 01 Jul 2025 08:00:00 GMT", "Tue, 01 jul 2025 08:00:00 GMT", "Wed, 01 Jul 2025 08:00:00 GMT",
            "Tue, 32 Jul 2025 08:00:00 GMT", "Tue, 01 Jul 2025 24:00:00 GMT", "Tue, 01 Jul 2025 08:60:00 GMT",
            "Tuesday, 01-Jul-25 08:00:00 GMT", "Tue Jul  1 08:00:00 2025", "Die, 01 Jul 2025 08:00:00 GMT",
            "Sun, 29 Feb 2026 00:00:00 GMT",
        ]
    )
    func refusedHTTPDates(_ text: String) {
        #expect(UTCTimestamp.parseHTTPDate(text) == nil)
    }
}
