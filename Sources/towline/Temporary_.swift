import ArgumentParser
import Foundation
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let exitCode: Int32
    init(_ description: String, exitCode: Int32) { self.description = description; self.exitCode = exitCode }
}
enum TowlineCommandLine {
    static func run<Root: AsyncParsableCommand>(_ root: Root.Type, arguments: [String]) async -> Int32 {
        do {
            var command = try root.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
            return 0
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8)); return (error as? CommandFailure)?.exitCode ?? 1
        }
    }
}
