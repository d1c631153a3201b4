using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Says from the first bytes of a direction which protocol a flow speaks: byte patterns on any port, then probes on known ports.</summary>
/// <remarks>Immutable after construction; shared by all workers. Reads a bounded prefix, changes nothing but the <see cref="AppDetection"/> given.</remarks>
public sealed class ProtocolDetector
{
    private readonly ProtocolPattern[][] _patterns = new ProtocolPattern[4][];
    private readonly ProtocolId[][] _patternOwners = new ProtocolId[4][];
    private readonly int[] _patternDepths = new int[4];

    /// <summary>By the first byte of the data: which patterns can match at all, in their order.</summary>
    private readonly byte[][][] _patternsByByte = new byte[4][][];
    private readonly PortProbes _tcpProbes;
    private readonly PortProbes _udpProbes;
    private readonly bool[] _enabled = new bool[(int)ProtocolId.Count];
    private readonly bool[] _detectionOnly = new bool[(int)ProtocolId.Count];

    public ProtocolDetector(AppLayerSettings settings)
    {
        var patterns = new List<ProtocolPattern>[4];
        var owners = new List<ProtocolId>[4];
        for (int i = 0; i < 4; i++)
        {
            patterns[i] = [];
            owners[i] = [];
        }

        var tcp = new List<Probe>();
        var udp = new List<Probe>();
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            ProtocolSettings own = settings.Protocols.TryGetValue(protocol.ConfigurationName, out ProtocolSettings? found) ? found : ProtocolSettings.Empty;
            for (int side = 0; side < 2; side++)
            {
                byte transport = side == 0 ? IpProtocols.Tcp : IpProtocols.Udp;
                if (!(side == 0 ? protocol.UsesTcp : protocol.UsesUdp) || !settings.IsEnabled(protocol, side == 0 ? "tcp" : "udp", out bool detectionOnly))
                {
                    continue;
                }

                _enabled[(int)protocol.Id] = true;
                _detectionOnly[(int)protocol.Id] |= detectionOnly;
                foreach (ProtocolPattern pattern in protocol.Patterns)
                {
                    if (pattern.Transport == transport)
                    {
                        int slot = (side * 2) + (int)pattern.Direction;
                        patterns[slot].Add(pattern);
                        owners[slot].Add(protocol.Id);
                        _patternDepths[slot] = Math.Max(_patternDepths[slot], pattern.Depth);
                    }
                }

                AddProbes(side == 0 ? tcp : udp, protocol, own, transport, side == 0 ? "tcp" : "udp");
            }
        }

        for (int i = 0; i < 4; i++)
        {
            _patterns[i] = [.. patterns[i]];
            _patternOwners[i] = [.. owners[i]];
            _patternsByByte[i] = ByFirstByte(_patterns[i]);
        }

        _tcpProbes = new PortProbes(tcp);
        _udpProbes = new PortProbes(udp);
    }

    /// <summary>The protocol is parsed or at least named.</summary>
    public bool IsKnown(ProtocolId id) => _enabled[(int)id];

    /// <summary>The protocol is named but not parsed (<c>enabled: detection-only</c>).</summary>
    public bool IsDetectionOnly(ProtocolId id) => _detectionOnly[(int)id];

    /// <summary>Looks at the first bytes of one direction.</summary>
    /// <param name="data">The stream from its first byte, or one datagram.</param>
    /// <param name="flow">The flow; its ports choose the probes.</param>
    /// <param name="direction">Direction of the data.</param>
    /// <param name="isEnd">No more bytes will come: unsure answers count as no.</param>
    /// <param name="serverPort">The port to take for the server's (another one after CONNECT).</param>
    /// <param name="reversed">Set when the data is a message of the other direction.</param>
    /// <returns>The protocol; <see cref="ProtocolId.Unknown"/> while undecided, <see cref="ProtocolId.Failed"/> when nothing fits.</returns>
    public ProtocolId Detect(ReadOnlySpan<byte> data, Flow flow, Direction direction, bool isEnd, ushort serverPort, out bool reversed)
    {
        reversed = false;
        bool isTcp = flow.Key.Protocol == IpProtocols.Tcp;
        ref AppDetection detection = ref flow.DetectionOf(direction);
        if (flow.AppExpected is not (ProtocolId.Unknown or ProtocolId.Failed) && flow.Has(FlowFlags.Expected) && _enabled[(int)flow.AppExpected])
        {
            return flow.AppExpected;
        }

        if (!detection.PatternsDone)
        {
            int slot = (isTcp ? 0 : 2) + (int)direction;
            ProtocolId byPattern = MatchPatterns(slot, data, flow, direction, out reversed, out bool waits);
            if (byPattern == ProtocolId.Unknown && flow.Has(FlowFlags.Midstream) && flow.AppState is null)
            {
                // Who is the client was guessed from the first packet seen: the data may know better.
                byPattern = MatchPatterns(slot ^ 1, data, flow, direction.Opposite(), out bool back, out _);
                reversed = byPattern != ProtocolId.Unknown && !back;
            }

            if (byPattern != ProtocolId.Unknown)
            {
                return byPattern;
            }

            detection.PatternsDone = isEnd || !isTcp || (data.Length >= _patternDepths[slot] && !waits);
        }

        if (!detection.ProbingDone)
        {
            ProtocolId byProbe = RunProbes(isTcp ? _tcpProbes : _udpProbes, data, flow, direction, isEnd, serverPort, out reversed, out bool undecided);
            if (byProbe != ProtocolId.Unknown)
            {
                return byProbe;
            }

            detection.ProbingDone = !undecided;
        }

        return detection.IsComplete ? ProtocolId.Failed : ProtocolId.Unknown;
    }

    private static void AddProbes(List<Probe> probes, Protocol protocol, ProtocolSettings own, byte transport, string transportName)
    {
        string? destination = own.Get("detection-ports.dp") ?? own.Get(transportName + ".detection-ports.dp");
        string? source = own.Get("detection-ports.sp") ?? own.Get(transportName + ".detection-ports.sp");
        ProbePort? template = null;
        foreach (ProbePort port in protocol.ProbePorts)
        {
            if (port.Transport != transport)
            {
                continue;
            }

            template ??= port;
            if (destination is null && source is null)
            {
                probes.Add(new Probe(protocol, port));
            }
        }

        if (template is { } shape && (destination ?? source) is not null)
        {
            foreach (string part in $"{destination},{source}".Split([',', ' ', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
            {
                string[] ends = part.Split([':', '-']);
                if (part == "any")
                {
                    probes.Add(new Probe(protocol, shape with { First = 0, Last = ushort.MaxValue }));
                }
                else if (ushort.TryParse(ends[0], out ushort first) && ushort.TryParse(ends[^1], out ushort last))
                {
                    probes.Add(new Probe(protocol, shape with { First = first, Last = last }));
                }
            }
        }
    }

    /// <param name="waits">Set when a pattern stands there that wants more bytes before it counts.</param>
    private ProtocolId MatchPatterns(int slot, ReadOnlySpan<byte> data, Flow flow, Direction direction, out bool reversed, out bool waits)
    {
        reversed = false;
        waits = false;
        ProtocolPattern[] patterns = _patterns[slot];
        foreach (byte i in data.IsEmpty ? [] : _patternsByByte[slot][data[0]])
        {
            ref readonly ProtocolPattern pattern = ref patterns[i];
            if (!Occurs(pattern, data))
            {
                continue;
            }

            if (data.Length < pattern.MinimumBytes)
            {
                waits = true;
                continue;
            }

            ProtocolId owner = _patternOwners[slot][i];
            if (!pattern.Confirm)
            {
                return owner;
            }

            ProbeResult result = ProtocolCatalog.Get(owner)!.Probe(data, direction, flow);
            if (result.Status == ProbeStatus.Certain)
            {
                reversed = result.Reversed;
                return owner;
            }
        }

        return ProtocolId.Unknown;
    }

    private static byte[][] ByFirstByte(ProtocolPattern[] patterns)
    {
        var byByte = new byte[256][];
        var found = new List<byte>();
        for (int first = 0; first < byByte.Length; first++)
        {
            found.Clear();
            for (int i = 0; i < patterns.Length; i++)
            {
                ref readonly ProtocolPattern pattern = ref patterns[i];
                bool isAnchored = pattern.Offset == 0 && pattern.Depth <= pattern.Bytes.Length;
                byte begins = pattern.Bytes[0];
                if (!isAnchored || begins == first || (pattern.IgnoreCase && char.ToLowerInvariant((char)begins) == char.ToLowerInvariant((char)first)))
                {
                    found.Add(checked((byte)i));
                }
            }

            byByte[first] = [.. found];
        }

        return byByte;
    }

    private static bool Occurs(in ProtocolPattern pattern, ReadOnlySpan<byte> data)
    {
        int last = Math.Min(data.Length, pattern.Depth) - pattern.Bytes.Length;
        for (int at = pattern.Offset; at <= last; at++)
        {
            ReadOnlySpan<byte> here = data.Slice(at, pattern.Bytes.Length);
            if (pattern.IgnoreCase ? System.Text.Ascii.EqualsIgnoreCase(here, pattern.Bytes) : here.SequenceEqual(pattern.Bytes))
            {
                return true;
            }
        }

        return false;
    }

    private static ProtocolId RunProbes(
        PortProbes probes, ReadOnlySpan<byte> data, Flow flow, Direction direction, bool isEnd, ushort serverPort, out bool reversed, out bool undecided)
    {
        reversed = false;
        undecided = false;
        ushort clientPort = flow.Key.SourcePort;
        for (int side = 0; side < 2; side++)
        {
            ushort port = side == 0 ? serverPort : clientPort;
            if (side == 1 && port == serverPort)
            {
                break;
            }

            foreach (Probe probe in probes.For(port))
            {
                if (data.Length < probe.Port.MinimumDepth)
                {
                    undecided |= !isEnd;
                    continue;
                }

                ProbeResult result = probe.Protocol.Probe(data, direction, flow);
                if (result.Status == ProbeStatus.Certain)
                {
                    reversed = result.Reversed;
                    return probe.Protocol.Id;
                }

                undecided |= result.Status == ProbeStatus.Unsure && !isEnd
                    && (probe.Port.MaximumDepth == 0 || data.Length < probe.Port.MaximumDepth);
            }
        }

        return ProtocolId.Unknown;
    }

    private readonly record struct Probe(Protocol Protocol, ProbePort Port);

    /// <summary>Probes by port: those of single ports in a dictionary, wide ranges appended to each.</summary>
    private sealed class PortProbes
    {
        private readonly Dictionary<ushort, Probe[]> _byPort = [];
        private readonly Probe[] _anyPort;

        public PortProbes(List<Probe> probes)
        {
            _anyPort = [.. probes.FindAll(IsWide)];
            foreach (Probe probe in probes)
            {
                if (IsWide(probe))
                {
                    continue;
                }

                for (int port = probe.Port.First; port <= probe.Port.Last; port++)
                {
                    _byPort[(ushort)port] = [.. probes.FindAll(p => !IsWide(p) && p.Port.First <= port && port <= p.Port.Last), .. _anyPort];
                }
            }
        }

        public ReadOnlySpan<Probe> For(ushort port) => _byPort.TryGetValue(port, out Probe[]? probes) ? probes : _anyPort;

        private static bool IsWide(Probe probe) => probe.Port.Last - probe.Port.First > 1024;
    }
}
