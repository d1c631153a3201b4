using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>One message.</summary>
internal sealed partial class Krb5Transaction : Transaction
{
    private readonly Slice[] _client = new Slice[Krb5Limits.MaxNames];
    private readonly Slice[] _server = new Slice[Krb5Limits.MaxNames];
    private int _clientCount;
    private int _serverCount;

    public ByteBuffer Text { get; } = new();

    public int MessageType { get; set; }

    /// <summary>Of an error: the type of the request before it, 0 when there was none.</summary>
    public int FailedRequest { get; set; }

    public int ErrorCode { get; set; }

    public Slice Realm { get; set; } = Slice.None;

    public ReadOnlySpan<Slice> ClientNames => _client.AsSpan(0, _clientCount);

    public ReadOnlySpan<Slice> ServerNames => _server.AsSpan(0, _serverCount);

    public bool HasEncryption { get; set; }

    public int Encryption { get; set; }

    public bool HasTicket { get; set; }

    public int TicketEncryption { get; set; }

    public void AddName(ReadOnlySpan<byte> name, bool isClient)
    {
        ref int count = ref isClient ? ref _clientCount : ref _serverCount;
        if (count < Krb5Limits.MaxNames)
        {
            (isClient ? _client : _server)[count++] = Text.Append(name[..Math.Min(name.Length, Krb5Limits.MaxNameBytes)]);
        }
    }

    public void Raise(Krb5Anomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Text.Reset();
        MessageType = FailedRequest = ErrorCode = 0;
        Realm = Slice.None;
        _clientCount = _serverCount = 0;
        HasEncryption = HasTicket = false;
        Encryption = TicketEncryption = 0;
    }
}
