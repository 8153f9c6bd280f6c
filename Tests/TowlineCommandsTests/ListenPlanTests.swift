import ArgumentParser
import Testing
import TowlineCore

@testable import TowlineCommands

@Suite("the plan of a listener")
struct ListenPlanTests {
    @Test(
        "the name comes from the host, cleaned to what is allowed",
        arguments: [
            ("dev-1.example.com", "listen-dev-1"), ("My Mac", "listen-My-Mac"), ("ä", "listen--"), ("", "listen-here"),
            (String(repeating: "a", count: 80), "listen-" + String(repeating: "a", count: 57)),
        ])
    func names(host: String, name: String) {
        #expect(ListenPlan.standardName(host: host) == name)
        #expect(ListenPlan.isName(name))
    }

    @Test("options become a plan")
    func options() throws {
        let command = try ListenCommand.parse([
            "--forward", "http://LOCALHOST:80/a", "--sign-as", "https://hook.example.com/x", "--attempts", "5",
            "--stop-on-failure", "--name", "audit", "--from", "beginning", "--account", "1", "--type",
            "uploadbyurlcomplete", "--once", "2", "--json",
        ])
        let plan = try command.plan(host: "h")
        #expect(plan.name == "audit")
        #expect(plan.start == "beginning")
        #expect(plan.isStartChosen)
        #expect(plan.account == "1")
        #expect(plan.types == ["UploadByURLComplete"])
        #expect(plan.limit == 2)
        #expect(plan.isJSON)
        #expect(plan.forwarding?.url.absoluteString == "http://localhost/a")
        #expect(plan.forwarding?.typedURL == "http://LOCALHOST:80/a")
        #expect(plan.forwarding?.signAs == "https://hook.example.com/x")
        #expect(plan.forwarding?.attempts == 5)
        #expect(plan.forwarding?.isStoppingOnFailure == true)
        let plain = try ListenCommand.parse([]).plan(host: "h")
        #expect(plain == ListenPlan(name: "listen-h"))
        #expect(try ListenCommand.parse(["--forward", "http://h"]).plan(host: "h").forwarding?.attempts == 3)
    }

    @Test(
        "what cannot be is wrong usage that names the option",
        arguments: [
            (["--name", "a b"], "--name"), (["--name", ""], "--name"), (["--from", "yesterday"], "--from"),
            (["--type", "Odd"], "UploadByURLComplete, FileUploadComplete"), (["--once", "0"], "--once"),
            (["--forward", "localhost"], "--forward 'localhost' is not a URL to call"),
            (["--attempts", "2"], "--forward"),
            (["--stop-on-failure"], "--forward"), (["--sign-as", "http://h"], "--forward"),
            (["--forward", "http://h", "--attempts", "0"], "--attempts"),
            (["--forward", "http://h", "--sign-as", "x"], "--sign-as"), (["--account", ""], "--account"),
        ])
    func usage(arguments: [String], named: String) {
        let error = #expect(throws: (any Error).self) { try ListenCommand.parse(arguments) }
        #expect(error.map { ListenCommand.message(for: $0).contains(named) } == true)
    }
}
