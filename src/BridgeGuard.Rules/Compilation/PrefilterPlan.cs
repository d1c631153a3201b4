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

    private readonly Collected?[] _payload = new Collected?[(int)PayloadKind.Count * 2];
    private readonly Dictionary<(ProtocolId Protocol, Direction Direction, int Buffer, int LocalId), (BufferDescriptor Descriptor, Collected Patterns)> _buffers = [];

    private readonly Dictionary<(int Slot, short Type, int Buffer), (List<int> Always, Collected Patterns)> _frames = [];

    /// <summary>Adds a payload pattern; whether it is looked for in streams, packets or both.</summary>
    public byte AddPayload(int rule, OpModel content, RuleFlags payload, DirectionMask directions, ulong[]? protocols)
    {
        bool stream = (payload & RuleFlags.NeedStream) != 0;
        bool packet = (payload & RuleFlags.NeedPacket) != 0 || !stream;
        for (int direction = 0; direction < 2; direction++)
        {
            if (((int)directions & (1 << direction)) == 0)
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
                    (_payload[((int)kind * 2) + direction] ??= new Collected()).Add(rule, content);
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
        foreach (Direction direction in new[] { Direction.ToServer, Direction.ToClient })
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
            (all[slot] ??= []).Add(new FrameRules { Type = type, Buffer = buffer, Always = [.. always], Table = patterns.IsEmpty ? null : patterns.Build() });
        }

        return Array.ConvertAll(all, list => list is null ? [] : list.ToArray());
    }

    public PrefilterTable?[] BuildPayload() => Array.ConvertAll(_payload, collected => collected?.Build());

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
                Table = patterns.Build(),
            });
        }

        return Array.ConvertAll(all, list => list is null ? BufferPrefilters.None : new BufferPrefilters([.. list]));
    }

    private sealed class Collected
    {
        private readonly PatternSetBuilder _builder = new();
        private readonly List<int> _rules = [];

        public bool IsEmpty => _rules.Count == 0;

        public void Add(int rule, OpModel content)
        {
            _builder.Add(
                FastPatternChooser.BytesOf(content),
                content.Has(OpFlags.IgnoreCase),
                FastPatternChooser.PlacementOf(content),
                rule);
            if (_rules.Count == 0 || _rules[^1] != rule)
            {
                _rules.Add(rule);
            }
        }

        public PrefilterTable Build() => new()
        {
            Set = _builder.Build(PrefilterEngine.Managed),
            Rules = [.. _rules],
        };
    }
}
