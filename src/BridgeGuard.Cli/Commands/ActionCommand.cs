using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Control;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard action list|do|undo</c>: what was done to guests and peers, by playbooks and by hand.</summary>
internal static class ActionCommand
{
    /// <summary>What an operator may do by hand; the others need a playbook's settings.</summary>
    private static readonly string[] ByHand = ["quarantine", "block", "rate-limit", "tarpit", "block-page", "bypass", "capture", "mark"];

    public static Command Create()
    {
        Option<string> file = new("-c", "--config") { Description = "configuration file (bridgeguard.yaml)", Required = true };
        Option<bool> all = new("--all") { Description = "ended ones too" };
        Option<bool> json = new("--json") { Description = "as JSON lines" };
        Command list = new("list", "List actions in force, whether or not the daemon runs.") { file, all, json };
        list.SetAction(parsed => List(parsed.GetValue(file)!, parsed.GetValue(all), parsed.GetValue(json)));

        Argument<ulong> id = new("ID") { Description = "number of the action" };
        Command undo = new("undo", "Take an action back.") { id, file };
        undo.SetAction(parsed => Undo(parsed.GetValue(id), parsed.GetValue(file)!));

        Argument<string> kind = new("ACTION") { Description = string.Join(", ", ByHand) };
        kind.AcceptOnlyFromAmong(ByHand);
        Argument<string> target = new("TARGET") { Description = "name of a guest, or an address" };
        Option<int> seconds = new("--for") { Description = "seconds until it ends by itself; without, until it is undone" };
        Option<string> mark = new("--mark") { Description = "with 'mark': what the target's frames carry out, as in 0x20" };
        Command act = new("do", "Do something to a guest or a peer now.") { kind, target, seconds, mark, file };
        act.Validators.Add(parsed =>
        {
            bool isMark = parsed.GetValue(kind) == "mark";
            if (isMark != (parsed.GetValue(mark) is not null))
            {
                parsed.AddError(isMark ? "'mark' needs --mark, as in --mark 0x20" : "--mark goes with 'mark' only");
            }
            else if (isMark && !TryReadMark(parsed.GetValue(mark)!, out _))
            {
                parsed.AddError($"'{parsed.GetValue(mark)}' is no mark, expected a number such as 32 or 0x20, of 32 bits and not 0");
            }
        });
        act.SetAction(parsed => Do(
            parsed.GetValue(kind)!, parsed.GetValue(target)!, parsed.GetValue(seconds), TryReadMark(parsed.GetValue(mark) ?? "", out uint value) ? value : 0, parsed.GetValue(file)!));

        Command audit = new("audit", "Check that nobody has changed the audit log.") { file };
        audit.SetAction(parsed => Audit(parsed.GetValue(file)!));
        return new Command("action", "List, take back and do actions on guests and peers.") { list, undo, act, audit };
    }

    private static int List(string file, bool all, bool json)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        var latest = new SortedDictionary<ulong, LedgerEntry>();
        foreach (LedgerEntry entry in ActionLedger.Read(Path.Combine(model.StateDirectory, ActionLedger.FileName)))
        {
            latest[entry.Id] = entry;
        }

        foreach (LedgerEntry entry in latest.Values.Where(e => all || e.IsInForce))
        {
            Console.WriteLine(json ? JsonSerializer.Serialize(entry, LedgerEntry.Json) : string.Create(
                CultureInfo.InvariantCulture,
                $"{entry.Id,5}  {YamlSection.Hyphenated(entry.State.ToString()),-9} {YamlSection.Hyphenated(entry.Kind.ToString()),-11} {entry.Target,-24} until {Until(entry),-20} by {entry.By}: {entry.Why}"));
        }

        return ExitCode.Ok;
    }

    private static string Until(LedgerEntry entry) => entry.ExpiresUs == 0
        ? "undone"
        : DateTimeOffset.FromUnixTimeMilliseconds(entry.ExpiresUs / 1000).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    private static int Undo(ulong id, string file) => Ask(file, "action-undo", new JsonObject { ["id"] = id }, _ => $"action {id} is undone");

    private static bool TryReadMark(string text, out uint mark)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return uint.TryParse(isHex ? text.AsSpan(2) : text, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out mark) && mark != 0;
    }

    private static int Do(string kind, string target, int seconds, uint mark, string file)
    {
        bool isAddress = IpAddress.TryParse(target, out IpAddress address);
        return Ask(
            file,
            "action-do",
            new JsonObject
            {
                ["kind"] = kind,
                ["state"] = "begun",
                ["guest"] = isAddress ? "" : target,
                ["address"] = isAddress ? address.ToString() : "",
                ["why"] = "by hand",
                ["timeout_seconds"] = seconds,
                ["mark"] = mark,
            },
            answer => $"action {answer?["id"]}: {answer?["state"]}");
    }

    private static int Audit(string file)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        string path = Path.Combine(model.LogDirectory, AuditLog.FileName);
        int broken = File.Exists(path) ? AuditLog.FindBreak(path) : 0;
        Console.WriteLine(broken == 0 ? $"{path}: every line follows from the one before" : $"{path}:{broken}:1: this line does not follow from the one before: something was changed or taken out");
        return broken == 0 ? ExitCode.Ok : ExitCode.VerificationFailed;
    }

    private static int Ask(string file, string command, JsonNode body, Func<JsonNode?, string> said)
    {
        if (RunCommand.LoadOrReport(file) is not { } model)
        {
            return ExitCode.BadConfiguration;
        }

        try
        {
            Console.WriteLine(said(ControlHost.Ask(model, command, body)));
            return ExitCode.Ok;
        }
        catch (PlaneException e)
        {
            Console.Error.WriteLine($"bridgeguard: {e.Message}");
            return e.Message.StartsWith("no daemon", StringComparison.Ordinal) ? ExitCode.Unreachable : ExitCode.Failure;
        }
    }
}
