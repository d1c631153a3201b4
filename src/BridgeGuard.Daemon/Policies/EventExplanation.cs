using System.Globalization;
using System.Text.Json;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Daemon.Policies;

/// <summary>Why an alert came to its verdict, and the smallest change that would have let the traffic pass.</summary>
public sealed class EventExplanation
{
    private readonly DaemonModel _model;
    private readonly JsonElement _record;

    private EventExplanation(DaemonModel model, JsonElement record)
    {
        _model = model;
        _record = record;
    }

    /// <summary>What to tell, one line each.</summary>
    public List<(string What, string Value)> Lines { get; } = [];

    /// <summary>The change, in words; empty when the traffic passed or nothing of ours can be changed.</summary>
    public string Change { get; private set; } = "";

    /// <summary>The policy with the change; null when it is no change of a role.</summary>
    public PolicyModel? ChangedPolicy { get; private set; }

    /// <summary>Finds an event in the log and explains it; null when it is not there.</summary>
    public static EventExplanation? Find(DaemonModel model, string eventId)
    {
        foreach (string file in Directory.GetFiles(model.LogDirectory, "eve.json*").Order(StringComparer.Ordinal))
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using StreamReader reader = new(stream);
            while (reader.ReadLine() is { } line)
            {
                if (line.Contains($"\"event_id\":\"{eventId}\"", StringComparison.Ordinal) && line.Contains("\"alert\"", StringComparison.Ordinal))
                {
                    var explanation = new EventExplanation(model, JsonSerializer.Deserialize<JsonElement>(line));
                    explanation.Explain();
                    return explanation;
                }
            }
        }

        return null;
    }

    /// <summary>The recorded packets through the engine: what became of the one that raised the alert, as things are and with the change.</summary>
    /// <returns>Null when there is no recording.</returns>
    public (string AsItIs, string Changed)? Replay()
    {
        string file = Path.Combine(_model.LogDirectory, "recordings", Text(_record, "event_id") + ".pcapng");
        if (!File.Exists(file))
        {
            return null;
        }

        long triggerUs = long.Parse(Text(_record, "event_id").Split('-')[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        string before = Play(file, triggerUs, _model.Policy);
        return (before, ChangedPolicy is { } changed ? Play(file, triggerUs, changed) : "not tried: this is no change of a role");
    }

    private void Explain()
    {
        JsonElement alert = _record.GetProperty("alert");
        uint gid = alert.GetProperty("gid").GetUInt32();
        uint sid = alert.GetProperty("signature_id").GetUInt32();
        bool isBlocked = Text(alert, "action") == "blocked";
        Add("event", Text(_record, "event_id"));
        Add("time", Text(_record, "timestamp"));
        Add("from", $"{Name("vm")} {Text(_record, "src_ip")}");
        Add("to", $"{Name("peer_vm")} {Text(_record, "dest_ip")}");
        Add("alert", string.Create(CultureInfo.InvariantCulture, $"{gid}:{sid} {Text(alert, "signature")}"));
        Add("verdict", isBlocked ? "blocked" : "allowed");
        JsonElement policy = _record.TryGetProperty("policy", out JsonElement decided) ? decided : default;
        string role = Text(policy, "role");
        if (role.Length > 0)
        {
            Add("decided by", $"role {role}: {Text(policy, "action")}, at {Text(policy, "place")}");
        }

        if (gid == BuiltInRules.Gid)
        {
            ExplainFinding(sid, role);
        }
        else
        {
            ExplainRule(gid, sid, role, isBlocked);
        }

        Add("bytes", Text(_record, "payload_printable").ReplaceLineEndings("\\n"));
        Add("would pass with", Change);
    }

    private void ExplainRule(uint gid, uint sid, string role, bool isBlocked)
    {
        RuleSet rules = Rules(_model.Policy);
        int index = rules.Find(gid, sid);
        if (index >= 0)
        {
            RuleInfo rule = rules.Rules[index];
            Add("rule", $"{rule.SourceFile}:{rule.SourceLine}: {rule.Text}");
            Add("cause", role.Length > 0 ? $"the rule says {rule.Action.ToString().ToLowerInvariant()}, the role makes something else of it" : $"the rule says {rule.Action.ToString().ToLowerInvariant()}");
        }

        if (!isBlocked)
        {
            return;
        }

        string changed = role.Length > 0 ? role : RoleOf("vm") is { Length: > 0 } own ? own : RoleOf("peer_vm") is { Length: > 0 } other ? other : "default";
        Change = string.Create(CultureInfo.InvariantCulture, $"'- {{sid: {sid}, action: alert}}' as the last line of 'rules' of role {changed}, and of the other guest's role where that is as strict");
        var line = new RoleRule { Sid = sid, Action = RoleAction.Alert };
        ChangedPolicy = With(_ => true, r => r with { Rules = [.. r.Rules, line] });
    }

    private void ExplainFinding(uint sid, string role)
    {
        string protocol = Text(_record, "proto").ToLowerInvariant();
        int port = _record.TryGetProperty("dest_port", out JsonElement number) ? number.GetInt32() : 0;
        switch (sid)
        {
            case 20 or 21:
                bool isIn = sid == 20;
                Add("cause", $"no line of the role's contract covers {protocol} {port}, and its default is not 'allow'");
                Change = string.Create(CultureInfo.InvariantCulture, $"'- {{protocol: {protocol}, ports: [{port}]}}' under 'contract: {(isIn ? "in" : "out")}: services' of role {role}");
                var service = new ServiceRule { Protocol = protocol == "tcp" ? IpProtocols.Tcp : protocol == "udp" ? IpProtocols.Udp : (byte)0, Ports = port == 0 ? [] : [((ushort)port, (ushort)port)] };
                ChangedPolicy = With(r => r.Name == role, r => r with
                {
                    Contract = isIn ? r.Contract with { In = [service, .. r.Contract.In] } : r.Contract with { Out = [service, .. r.Contract.Out] },
                });
                break;
            case >= 10 and <= 15:
                Add("cause", "the frame says something of its sender that the hypervisor, or what the wire showed, does not");
                Change = $"the address among the guest's (vms.d or the hypervisor), or 'l2-guard' of role {role} at 'alert'";
                ChangedPolicy = With(r => r.Name == role, r => r with { Links = LinkGuardModel.None });
                break;
            case 22 or 23:
                Add("cause", Text(_record.GetProperty("policy"), "place"));
                Change = "'bridgeguard action undo' of the action ('bridgeguard action list')";
                break;
            case >= 30 and <= 36:
                Add("cause", "a behaviour threshold was reached");
                Change = $"a larger 'count', or 'action: alert', under 'behaviour' of role {role}";
                break;
            case >= 40 and <= 45:
                Add("cause", "the handshake breaks the role's policy for encrypted traffic");
                Change = $"'action: alert' for this line under 'encrypted' of role {role}";
                ChangedPolicy = With(r => r.Name == role, r => r with { Encrypted = Engine.Policy.Encrypted.EncryptedModel.None });
                break;
            default:
                Add("cause", "a file's verdict; see the events of the same flow");
                break;
        }
    }

    private PolicyModel With(Func<RoleModel, bool> which, Func<RoleModel, RoleModel> change) =>
        new([.. _model.Policy.Roles.Select(r => which(r) ? change(r) : r)], _model.Policy.Targets);

    private string Play(string file, long triggerUs, PolicyModel policy)
    {
        RuleSet rules = Rules(policy);
        var registry = new GuestRegistry(_model.Guests, policy, Path.Combine(_model.StateDirectory, GuestRegistry.StateFileName));
        using PacketWorker worker = new(new WorkerEnvironment { Settings = new EngineSettings { IsInline = true, Stream = new StreamSettings { Midstream = true } }, Events = new Silence() })
        {
            Program = new EngineProgram(rules, new CompiledPolicy(policy, rules.Rules)) { Guests = registry.Current },
        };
        Verdict verdict = default;
        foreach ((long timeUs, byte[] bytes) in PolicySimulator.ReadFrames(file))
        {
            // Guests leave checksums to their card, so recorded ones are often not right yet.
            Verdict one = worker.Process(bytes, 0, bytes.Length, new FrameInfo { TimestampUs = timeUs, LinkType = LinkType.Ethernet, Checksum = ChecksumState.Valid });
            worker.Injector.Clear();
            verdict = timeUs == triggerUs ? one : verdict;
        }

        return verdict.Action == VerdictAction.Pass ? "pass" : $"drop ({verdict.Reason})";
    }

    private RuleSet Rules(PolicyModel policy)
    {
        RuleLoadOptions options = ProgramSource.OptionsOf(_model with { Policy = policy });
        return RuleLoader.Load(options).Rules;
    }

    private void Add(string what, string value)
    {
        if (value.Trim().Length > 0)
        {
            Lines.Add((what, value.Trim()));
        }
    }

    private string Name(string end) => _record.TryGetProperty(end, out JsonElement guest) ? $"{Text(guest, "name")} ({Text(guest, "role")})" : "";

    private string RoleOf(string end) => _record.TryGetProperty(end, out JsonElement guest) ? Text(guest, "role") : "";

    private static string Text(JsonElement record, string name) =>
        record.ValueKind == JsonValueKind.Object && record.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private sealed class Silence : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
