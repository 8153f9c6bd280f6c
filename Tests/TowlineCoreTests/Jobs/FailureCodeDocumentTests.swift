import Foundation
import Testing
import TowlineCore

@Suite("The table of failure codes")
struct FailureCodeDocumentTests {
    private static let path = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/failure-codes.md")

    /// The page as the table in the code gives it.
    private static var page: String {
        let rows = FailureCode.allCases.map { code in
            "| `\(code.rawValue)` | \(code.isRetryable ? "yes" : "no") "
                + "| `\(code.isStorageFault ? "UPLOAD_FAIL" : "DOWNLOAD_FAIL")` | \(code.explanation) |"
        }
        return """
            # Failure codes

            The values of `ErrorCode` in `UploadByURLComplete` and `GetURLUploadInfos`. `URLInvalidError` is the vendor's;
            the others are Towline's and do not change. `ErrorMessage` names the HTTP status, the rule or the limit. Made
            from the table in the code by `make docs`.

            | Code | Tried again | Status | What it means and what to do |
            |---|---|---|---|
            \(rows.joined(separator: "\n"))

            """
    }

    @Test("docs/failure-codes.md says what the code does")
    func pageIsCurrent() throws {
        if ProcessInfo.processInfo.environment["UPDATE_GENERATED"] == "1" {
            try Self.page.write(to: Self.path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.path, encoding: .utf8) == Self.page)
    }
}
