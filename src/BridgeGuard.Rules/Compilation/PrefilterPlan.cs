using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Collects the fast patterns of a set by the buffer they are looked for in, and builds the searches.</summary>
internal sealed class PrefilterPlan
{
    private const byte StreamBit = 1;
    private const byte PacketBit = 2;

    private readonly PayloadPlan[] _payload = [.. Enumerable.Range(0, (int)PayloadKind.Count * 2).Select(_ => new PayloadPlan())];
    private readonly Dictionary<(ProtocolId Protocol, Direction Direction, int Buffer, int LocalId), (BufferDescriptor Descriptor, Collected Patterns)> _buffers = [];

    private readonly Dictionary<(int Slot, short Type, int Buffer), (List<int> Always, Collected Patterns)> _frames = [];

    /// <summary>What was built, by how many patterns it has: a buffer that several protocols or directions share has the same rules in each.</summary>
    private readonly Dictionary<int, List<(Collected Patterns, PrefilterTable Table)>> _built = [];

    /// <summary>Adds a payload pattern; whether it is looked for in streams, packets or both.</summary>
    public byte AddPayload(int rule, OpModel content, RuleFlags payload, RuleModel model, int header)
    {
        ulong[]? protocols = model.Protocols;
        bool stream = (payload & RuleFlags.NeedStream) != 0;
        bool packet = (payload & RuleFlags.NeedPacket) != 0 || !stream;
        for (int direction = 0; direction < 2; direction++)
        {
            if (((int)model.Directions & (1 << direction)) == 0)
            {
                continue;
            }

            if (Includes(protocols, IpProtocols.Tcp))
            {
                Add(PayloadKind.TcpStream, stream);
                Add(PayloadKind.TcpPacket, packet);
            }

            // What has no stream is looked at packet by packet, whatever the rule prefers.
            Add(PayloadKind.UdpPacket, Includes(protocols, IpProtocols.Udp));
            Add(PayloadKind.OtherPacket, IncludesOther(protocols));

            void Add(PayloadKind kind, bool wanted)
            {
                if (wanted)
                {
                    _payload[((int)kind * 2) + direction].Add(rule, content, model, header);
                }
            }
        }

        return (byte)((stream ? StreamBit : 0) | (packet ? PacketBit : 0));
    }

    private static bool Includes(ulong[]? protocols, byte protocol) =>
        protocols is null || (protocols[protocol >> 6] & (1UL << (protocol & 63))) != 0;

    private static bool IncludesOther(ulong[]? protocols)
    {
        for (int i = 0; i < 256; i++)
        {
            if (i is not (IpProtocols.Tcp or IpProtocols.Udp) && Includes(protocols, (byte)i))
            {
                return true;
            }
        }

        return false;
    }

    public void AddBuffer(int rule, OpModel content, ProtocolId protocol, DirectionMask directions, int buffer, BufferDescriptor descriptor)
    {
        for (Direction direction = Direction.ToServer; direction <= Direction.ToClient; direction++)
        {
            if (((int)directions & (1 << (int)direction)) == 0)
            {
                continue;
            }

            var key = (protocol, direction, buffer, descriptor.LocalId);
            if (!_buffers.TryGetValue(key, out (BufferDescriptor Descriptor, Collected Patterns) collected))
            {
                collected = (descriptor, new Collected());
                _buffers.Add(key, collected);
            }

            collected.Patterns.Add(rule, content);
        }
    }

    /// <summary>Adds a rule over frames, with or without a pattern.</summary>
    public void AddFrame(int rule, OpModel? content, FrameTarget target, int buffer, DirectionMask directions)
    {
        for (int direction = 0; direction < 2; direction++)
        {
            if (((int)directions & (1 << direction)) == 0)
            {
                continue;
            }

            var key = (((int)target.Protocol.Id * 2) + direction, target.Type, buffer);
            if (!_frames.TryGetValue(key, out (List<int> Always, Collected Patterns) collected))
            {
                _frames.Add(key, collected = ([], new Collected()));
            }

            if (content is null)
            {
                collected.Always.Add(rule);
            }
            else
            {
                collected.Patterns.Add(rule, content);
            }
        }
    }

    public FrameRules[][] BuildFrames()
    {
        var all = new List<FrameRules>[(int)ProtocolId.Count * 2];
        foreach (((int slot, short type, int buffer), (List<int> always, Collected patterns)) in _frames)
        {
            (all[slot] ??= []).Add(new FrameRules { Type = type, Buffer = buffer, Always = [.. always], Table = patterns.IsEmpty ? null : Build(patterns) });
        }

        return Array.ConvertAll(all, list => list is null ? [] : list.ToArray());
    }

    public PrefilterTable[][] BuildPayload() => Array.ConvertAll(_payload, plan => plan.Parts().ConvertAll(part =>
    {
        var patterns = new Collected();
        foreach (PayloadRule rule in part.Rules)
        {
            patterns.Add(rule.Rule, rule.Content);
        }

        PrefilterTable table = Build(patterns);
        return new PrefilterTable { Set = table.Set, Rules = table.Rules, App = part.App, Headers = [.. part.Rules.Select(rule => rule.Header).Distinct()] };
    }).ToArray());

    public BufferPrefilters[] BuildBuffers()
    {
        var all = new List<BufferPrefilter>[(int)ProtocolId.Count * 2];
        foreach (((ProtocolId protocol, Direction direction, int buffer, int localId), (BufferDescriptor descriptor, Collected patterns)) in _buffers)
        {
            (all[((int)protocol * 2) + (int)direction] ??= []).Add(new BufferPrefilter
            {
                Buffer = buffer,
                LocalId = localId,
                Progress = direction == Direction.ToServer ? descriptor.ProgressToServer : descriptor.ProgressToClient,
                IsMulti = descriptor.IsMulti,
                IsStreaming = descriptor.IsStreaming,
                Table = Build(patterns),
            });
        }

        return Array.ConvertAll(all, list => list is null ? BufferPrefilters.None : new BufferPrefilters([.. list]));
    }

    /// <summary>The search over what was collected. Its patterns are one set for all that collected the same; the table is the buffer's own, as places searched so far are kept by it.</summary>
    private PrefilterTable Build(Collected patterns)
    {
        if (!_built.TryGetValue(patterns.Count, out List<(Collected Patterns, PrefilterTable Table)>? alike))
        {
            _built.Add(patterns.Count, alike = []);
        }

        foreach ((Collected known, PrefilterTable table) in alike)
        {
            if (known.IsSame(patterns))
            {
                return new PrefilterTable { Set = table.Set, Rules = table.Rules };
            }
        }

        PrefilterTable built = patterns.Build();
        alike.Add((patterns, built));
        return built;
    }

    private sealed class Collected
    {
        private readonly List<(int Rule, OpModel Content)> _all = [];

        public bool IsEmpty => _all.Count == 0;

        public int Count => _all.Count;

        public void Add(int rule, OpModel content) => _all.Add((rule, content));

        public bool IsSame(Collected other)
        {
            for (int i = 0; i < _all.Count; i++)
            {
                if (_all[i].Rule != other._all[i].Rule || _all[i].Content != other._all[i].Content)
                {
                    return false;
                }
            }

            return true;
        }

        public PrefilterTable Build()
        {
            var builder = new PatternSetBuilder();
            var rules = new List<int>(_all.Count);
            foreach ((int rule, OpModel content) in _all)
            {
                builder.Add(FastPatternChooser.BytesOf(content), content.Has(OpFlags.IgnoreCase), FastPatternChooser.PlacementOf(content), rule);
                if (rules.Count == 0 || rules[^1] != rule)
                {
                    rules.Add(rule);
                }
            }

            return new PrefilterTable { Set = builder.Build(PrefilterEngine.Managed), Rules = [.. rules] };
        }
    }
}
