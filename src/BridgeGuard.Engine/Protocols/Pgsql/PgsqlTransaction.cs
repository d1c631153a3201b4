using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>What the client said.</summary>
internal enum PgsqlRequest : byte
{
    None,
    Ssl,
    Startup,
    Cancel,
    Password,
    SaslInitial,
    SaslResponse,
    Query,
    CopyData,
    Terminate,
}

/// <summary>Which answers a transaction has seen.</summary>
[Flags]
internal enum PgsqlAnswers : ushort
{
    None = 0,
    SslAccepted = 1 << 0,
    SslRejected = 1 << 1,
    AuthenticationOk = 1 << 2,
    ClearText = 1 << 3,
    Md5 = 1 << 4,
    Sasl = 1 << 5,
    SaslContinue = 1 << 6,
    SaslFinal = 1 << 7,
    KeyData = 1 << 8,
    RowDescription = 1 << 9,
    RowDescriptionMalformed = 1 << 10,
    CopyIn = 1 << 11,
    CopyOut = 1 << 12,
    CopyMalformed = 1 << 13,
    CopyDone = 1 << 14,
    CopyDataOut = 1 << 15,
}

/// <summary>Where a named value belongs.</summary>
internal enum PgsqlValueKind : byte
{
    StartupParameter,
    ParameterStatus,
    ErrorField,
}

/// <summary>A named value; an error field has its code instead of a name.</summary>
internal readonly record struct PgsqlValue(PgsqlValueKind Kind, byte Code, Slice Name, Slice Value);

/// <summary>A request with its responses up to ReadyForQuery or to what asks the client for more.</summary>
internal sealed partial class PgsqlTransaction : Transaction
{
    private PgsqlValue[] _values = new PgsqlValue[8];

    public ByteBuffer Bytes { get; } = new();

    public int ValueCount { get; private set; }

    public PgsqlRequest Request { get; set; }

    public PgsqlAnswers Answers { get; set; }

    public int ResponseCount { get; set; }

    /// <summary>The server is ready for the next query.</summary>
    public bool IsReady { get; set; }

    public ushort MajorVersion { get; set; }

    public ushort MinorVersion { get; set; }

    /// <summary>Query, password, user name, SASL parameter or response, by <see cref="Request"/>.</summary>
    public Slice Text { get; set; } = Slice.None;

    public Slice Mechanism { get; set; } = Slice.None;

    /// <summary>CancelRequest's, or with <see cref="PgsqlAnswers.KeyData"/> the server's.</summary>
    public uint ProcessId { get; set; }

    public uint SecretKey { get; set; }

    public Slice Salt { get; set; } = Slice.None;

    public Slice SaslFinal { get; set; } = Slice.None;

    public Slice CommandTag { get; set; } = Slice.None;

    public int Fields { get; set; }

    public int CopyColumns { get; set; }

    /// <summary>Rows of DataRow, or messages of CopyData.</summary>
    public ulong Rows { get; set; }

    public ulong DataBytes { get; set; }

    public bool HasCopyDone { get; set; }

    public Slice CopyFail { get; set; } = Slice.None;

    public ref readonly PgsqlValue Value(int index) => ref _values[index];

    /// <summary>The <see cref="Transaction.Key"/> of one that waits for its answer.</summary>
    public const uint OpenKey = 0;

    public bool IsComplete => ProgressToClient != 0;

    public void Add(in PgsqlValue value)
    {
        if (ValueCount == PgsqlLimits.MaxValues)
        {
            return;
        }

        if (ValueCount == _values.Length)
        {
            Array.Resize(ref _values, _values.Length * 2);
        }

        _values[ValueCount++] = value;
    }

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        Key = OpenKey + 1;
    }

    public void Raise(PgsqlAnomaly anomaly) => Note((int)anomaly);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        ValueCount = 0;
        Request = PgsqlRequest.None;
        Answers = PgsqlAnswers.None;
        ResponseCount = 0;
        IsReady = false;
        MajorVersion = MinorVersion = 0;
        Text = Mechanism = Salt = SaslFinal = CommandTag = CopyFail = Slice.None;
        ProcessId = SecretKey = 0;
        Fields = 0;
        CopyColumns = 0;
        Rows = DataBytes = 0;
        HasCopyDone = false;
    }
}
