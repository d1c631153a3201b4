using System.Text.Json;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>The engine with guests on ports, fed with frames; what it says is kept.</summary>
internal sealed class PolicyWire : IEventSink, IGuestDirectory, IDisposable
{
    private readonly PolicyModel _policy;
    private readonly PortGuests _ports = new();
    private readonly RuleLoadResult _rules;
    private readonly CompiledPolicy _compiled;
    private readonly WorkerEnvironment _environment;
    private long _nowUs = 1_700_000_000_000_000;
    private GuestSet _guests = GuestSet.Empty;

    /// <param name="roleFiles">Texts of role files.</param>
    /// <param name="rules">Rule text.</param>
    /// <param name="targets">YAML of redirect targets.</param>
    /// <param name="isInline">Passive: false.</param>
    public PolicyWire(IEnumerable<string> roleFiles, string rules, string targets = "", bool isInline = true)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("bg-test-");
        var diagnostics = new List<ConfigDiagnostic>();
        var loader = new PolicyLoader(diagnostics);
        if (targets.Length > 0)
        {
            string file = Path.Combine(folder.FullName, "targets.yaml");
            File.WriteAllText(file, targets);
            loader.AddTargets(YamlSection.Load(file, diagnostics)!);
        }

        int number = 0;
        foreach (string text in roleFiles)
        {
            string file = Path.Combine(folder.FullName, $"role{number++}.yaml");
            File.WriteAllText(file, text);
            loader.AddRole(file);
        }

        _policy = loader.Build();
        folder.Delete(recursive: true);
        Assert.Empty(diagnostics);
        _rules = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", rules)], HomeGroups = _policy.HomeGroups, IsInline = isInline });
        Assert.False(_rules.HasErrors, string.Join('\n', _rules.Diagnostics));
        _compiled = new CompiledPolicy(_policy, _rules.Rules.Rules);
        EveSettings eve = new() { EventIds = true, Types = [.. new[] { "alert", "flow", "drop", "arp" }.Select(t => new EveTypeSettings(t, ProtocolSettings.Empty))] };
        _environment = new WorkerEnvironment { Settings = new EngineSettings { IsInline = isInline, Eve = eve, ValidateChecksums = false }, Events = this, Guests = this, Ports = _ports, Clock = () => _nowUs + TakesUs };
        Worker = new PacketWorker(_environment);
    }

    public PacketWorker Worker { get; }

    /// <summary>A second worker of the same process, which has the policy of the first; null before <see cref="AddWorker"/>.</summary>
    public PacketWorker? Second { get; private set; }

    public void AddWorker() => Second = new PacketWorker(_environment, workerId: 1) { Program = Worker.Program };

    /// <summary>How long the engine takes for each frame, by its own clock; 0: it takes no time.</summary>
    public long TakesUs { get; set; }

    /// <summary>How long frames say that they have waited before.</summary>
    public int WaitedUs { get; set; }

    /// <summary>The mark that frames come with.</summary>
    public uint Mark { get; set; }

    /// <summary>The port that a redirect target names.</summary>
    public void SetTargetPorts(params ushort[] ports) => _ports.ReplaceTargets(ports);

    public PolicyModel Policy => _policy;

    public List<JsonElement> Events { get; } = [];

    public IEnumerable<JsonElement> Alerts => Events.Where(e => e.GetProperty("event_type").GetString() == "alert");

    public long NowUs => _nowUs;

    /// <summary>Frames that the engine sent itself.</summary>
    public List<byte[]> Injected { get; } = [];

    /// <summary>Who is there from now on; guest i is behind port i.</summary>
    public void SetGuests(params GuestModel[] guests)
    {
        _guests = new GuestSet([null, .. guests], _guests.Generation + 1);
        _ports.Replace([.. Enumerable.Range(0, guests.Length + 1).Select(i => (ushort)i)]);
        Worker.Program = new EngineProgram(_rules.Rules, _compiled) { Guests = _guests, Actions = Worker.Program.Actions };
    }

    /// <summary>Ports are others' now, before the worker hears of other guests.</summary>
    public void SetPorts(params ushort[] guests) => _ports.Replace(guests);

    public void SetActions(params StandingAction[] actions) =>
        Worker.Program = Worker.Program with { Actions = new StandingActions(actions) };

    public GuestModel Guest(string name, string role, int number, params string[] addresses) => new()
    {
        Name = name,
        Role = (byte)Math.Max(0, _policy.FindRole(role)),
        Macs = [Mac(number)],
        Addresses = [.. addresses.Select(Address)],
    };

    public static ulong Mac(int number) => 0x020000000000u | (uint)number;

    public static IpAddress Address(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : default;

    /// <summary>A frame with the Ethernet addresses of two guests (0: an outsider), in by the sender's port.</summary>
    /// <param name="worker">Who gets it; the first without.</param>
    public Verdict Send(int from, int to, byte[] frame, long afterUs = 100, PacketWorker? worker = null)
    {
        WriteMac(frame, Mac(to == 0 ? 0x99 : to));
        WriteMac(frame.AsSpan(6), Mac(from == 0 ? 0x99 : from));
        return SendAsIs(from, frame, afterUs, worker);
    }

    public Verdict SendAsIs(int port, byte[] frame, long afterUs = 100, PacketWorker? worker = null)
    {
        _nowUs += afterUs;
        PacketWorker by = worker ?? Worker;
        Verdict verdict = by.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs, LinkType = LinkType.Ethernet, PortId = (ushort)port, WaitedUs = WaitedUs, Mark = Mark });
        Assert.Null(by.LastFault);
        for (int i = 0; i < by.Injector.Count; i++)
        {
            Injected.Add(by.Injector.Get(i, out _, out _).ToArray());
        }

        by.Injector.Clear();
        return verdict;
    }

    /// <summary>Opens a connection and sends a request; the verdict on the request, or on the packet that was stopped before.</summary>
    public Verdict Request(int from, string source, int to, string destination, ushort port, string payload, ushort sourcePort = 40_000)
    {
        Verdict verdict = Send(from, to, FrameBuilder.Tcp(source, sourcePort, destination, port, 100, 0, "S", default));
        if (verdict.Action != VerdictAction.Pass || verdict.Modified)
        {
            return verdict;
        }

        Send(to, from, FrameBuilder.Tcp(destination, port, source, sourcePort, 500, 101, "SA", default));
        Send(from, to, FrameBuilder.Tcp(source, sourcePort, destination, port, 101, 501, "A", default));
        verdict = Send(from, to, FrameBuilder.Tcp(source, sourcePort, destination, port, 101, 501, "PA", System.Text.Encoding.ASCII.GetBytes(payload)));
        return verdict.Action != VerdictAction.Pass ? verdict
            : Send(to, from, FrameBuilder.Tcp(destination, port, source, sourcePort, 501, 101 + (uint)payload.Length, "A", default));
    }

    public static string Get(string path) => $"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n";

    public GuestInfo? Get(ushort index) => _guests.Get(index) is { } guest ? new GuestInfo(guest.Name, guest.Uuid, _policy.Roles[guest.Role].Name, "", $"p{index}", guest.Macs[0]) { Tags = guest.Tags } : null;

    public ushort Find(ushort portId, ulong mac, IpAddress address) => _guests.Find(_ports.Find(portId), mac, address);

    public void Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        Events.Add(JsonElement.ParseValue(ref reader));
    }

    public void Dispose() => Worker.Dispose();

    private static void WriteMac(Span<byte> bytes, ulong mac)
    {
        for (int i = 0; i < 6; i++)
        {
            bytes[i] = (byte)(mac >> (40 - (8 * i)));
        }
    }
}
