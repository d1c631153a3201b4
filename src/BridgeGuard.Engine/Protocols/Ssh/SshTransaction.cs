using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>How far a direction is; the names are in <see cref="SshProtocol.ProgressNames"/>.</summary>
internal static class SshProgress
{
    public const byte BannerWaitEol = 1;
    public const byte BannerDone = 2;
    public const byte Finished = 3;
}

/// <summary>The handshake of a connection: its only transaction.</summary>
internal sealed class SshTransaction : Transaction
{
    public Peer Client { get; } = new();

    public Peer Server { get; } = new();

    /// <summary>Configuration or a rule asks for the fingerprints.</summary>
    public bool ShowsHassh { get; set; }

    public Peer Of(Direction direction) => direction == Direction.ToServer ? Client : Server;

    public void Raise(SshAnomaly anomaly) => Note((int)anomaly);

    public void Advance(Direction direction, byte progress)
    {
        if (direction == Direction.ToServer)
        {
            ProgressToServer = progress;
        }
        else
        {
            ProgressToClient = progress;
        }
    }

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        Peer peer = Of(direction);
        var id = (SshBuffer)buffer;
        bool isFingerprint = id is SshBuffer.HasshHash or SshBuffer.HasshString or SshBuffer.ServerHasshHash or SshBuffer.ServerHasshString;
        view = new BufferView(id switch
        {
            SshBuffer.Proto => peer.ProtoVersion,
            SshBuffer.Software => peer.SoftwareVersion,
            SshBuffer.HasshHash or SshBuffer.ServerHasshHash => peer.HasshHash,
            _ => peer.HasshString,
        });
        return index == 0 && (isFingerprint ? peer.HasHassh : peer.HasBanner && (id == SshBuffer.Proto || !peer.SoftwareVersion.IsEmpty));
    }

    public override void Reset()
    {
        base.Reset();
        Client.Reset();
        Server.Reset();
        ShowsHassh = false;
    }

    /// <summary>One end.</summary>
    internal sealed class Peer
    {
        private const int DigestDigits = 32;

        private readonly ByteBuffer _bytes = new();
        private readonly byte[] _digest = new byte[DigestDigits];
        private Slice _proto = Slice.None;
        private Slice _software = Slice.None;
        private Slice _hassh = Slice.None;
        private int _hasshStart;

        public bool HasBanner => _proto.Exists;

        public bool HasHassh => _hassh.Exists;

        public ReadOnlySpan<byte> ProtoVersion => _bytes[_proto];

        public ReadOnlySpan<byte> SoftwareVersion => _bytes[_software];

        public ReadOnlySpan<byte> HasshString => _bytes[_hassh];

        public ReadOnlySpan<byte> HasshHash => HasHassh ? _digest : [];

        public void SetBanner(ReadOnlySpan<byte> proto, ReadOnlySpan<byte> software)
        {
            _proto = _bytes.Append(proto);
            _software = _bytes.Append(software);
        }

        public void BeginHassh() => _hasshStart = _bytes.Length;

        public void AddToHassh(ReadOnlySpan<byte> list, bool isFirst)
        {
            if (!isFirst)
            {
                _bytes.Append((byte)';');
            }

            _bytes.Append(list);
        }

        public void DropHassh() => _bytes.Truncate(_hasshStart);

        public void EndHassh()
        {
            _hassh = new Slice(_hasshStart, _bytes.Length - _hasshStart);
            SshHassh.Digest(_bytes[_hassh], _digest);
        }

        public void Reset()
        {
            _bytes.Reset();
            _proto = _software = _hassh = Slice.None;
        }
    }
}
