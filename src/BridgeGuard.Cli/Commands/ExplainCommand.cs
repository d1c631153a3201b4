using System.CommandLine;
using BridgeGuard.Daemon.Policies;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard explain EVENT-ID</c>: why an alert came to its verdict, and what would have let the traffic pass.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        Argument<string> id = new("EVENT-ID") { Description = "event_id of an alert in eve.json" };
        Option<string> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)", Required = true };
        Option<bool> replay = new("--replay") { Description = "prove it with the recorded packets" };
        Command command = new("explain", "Say which rule, role and line decided about an event, and the smallest change that would have let it pass.") { id, file, replay };
        command.SetAction(parsed => Explain(parsed.GetValue(id)!, parsed.GetValue(file)!, parsed.GetValue(replay)));
        return command;
    }

    private static int Explain(string id, string file, bool replay)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        if (!Directory.Exists(model.LogDirectory) || EventExplanation.Find(model, id) is not { } explanation)
        {
            Console.Error.WriteLine($"bridgeguard: no alert {id} in {model.LogDirectory}, expected an event_id from eve.json");
            return ExitCode.Failure;
        }

        foreach ((string what, string value) in explanation.Lines)
        {
            Console.WriteLine($"{what,-16}{value}");
        }

        if (!replay)
        {
            return ExitCode.Ok;
        }

        if (explanation.Replay() is not { } proof)
        {
            Console.Error.WriteLine("bridgeguard: the packets were not recorded, expected 'recorder: {enabled: yes}' when it happened");
            return ExitCode.Failure;
        }

        Console.WriteLine($"{"replayed",-16}{proof.AsItIs}");
        Console.WriteLine($"{"with the change",-16}{proof.Changed}");
        return ExitCode.Ok;
    }
}
