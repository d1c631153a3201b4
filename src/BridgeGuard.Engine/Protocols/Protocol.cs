using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>The descriptor of an application protocol: everything the engine, the rule compiler and the outputs know of it.</summary>
/// <remarks>One immutable instance per protocol and process, listed in <see cref="ProtocolCatalog"/>. Limits come with the state's settings.</remarks>
public abstract class Protocol
{
    public abstract ProtocolId Id { get; }

    /// <summary>Name in rules and EVE <c>app_proto</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Other names that rules use for it.</summary>
    public virtual string[] Aliases => [];

    /// <summary>The key of its section in <c>app-layer.protocols</c>.</summary>
    public virtual string ConfigurationName => Name;

    /// <summary>
    /// Suricata 8 does not know it. Off where its output is to be kept (the compatible command line, whose flows of it stay unnamed), on in the daemon.
    /// </summary>
    public virtual bool IsExtension => false;

    /// <summary>Off unless configuration says otherwise (Suricata's defaults).</summary>
    public virtual bool EnabledByDefault => !IsExtension;

    /// <summary>Flows are named and have no parser, in counters too: as if configuration said <c>detection-only</c>.</summary>
    public virtual bool IsNamedOnly => false;

    public abstract bool UsesTcp { get; }

    public abstract bool UsesUdp { get; }

    public virtual ProtocolPattern[] Patterns => [];

    public virtual ProbePort[] ProbePorts => [];

    public virtual BufferDescriptor[] Buffers => [];

    public virtual FieldDescriptor[] Fields => [];

    public virtual KeywordDescriptor[] Keywords => [];

    public virtual AnomalyDescriptor[] Anomalies => [];

    /// <summary>Names of the frames that the parser opens, without the protocol's own name; the index is what a parser opens a frame with.</summary>
    /// <remarks>On TCP there is also <c>stream</c>, which the engine opens itself.</remarks>
    public virtual string[] Frames => [];

    /// <summary>EVE anomaly records name this protocol's oddities in capitals (an old habit that consumers compare with).</summary>
    public virtual bool LogsAnomaliesInCapitals => false;

    /// <summary>False where a flow is one transaction from its first byte on: <c>app_layer.tx</c> does not count it.</summary>
    public virtual bool CountsTransactions => true;

    /// <summary>Names of the progress values of a direction, for rule hooks such as <c>tls:client_hello_done</c>; index is the value.</summary>
    /// <remarks>The same array each time: alerts ask for it.</remarks>
    public virtual string[] ProgressNames(Direction direction) => [];

    /// <summary>Names of a direction that is only begun or complete.</summary>
    protected static string[] PlainRequestProgress { get; } = ["request_started", "request_complete"];

    protected static string[] PlainResponseProgress { get; } = ["response_started", "response_complete"];

    /// <summary>Alerts say how far the transaction has come (<c>ts_progress</c>, <c>tc_progress</c>): where Suricata has names of its own for the states, not only started and complete.</summary>
    public virtual bool TellsProgress => false;

    /// <summary>The progress at which a direction of a transaction is complete.</summary>
    public abstract byte CompletedProgress(Direction direction);

    /// <summary>When rules on the stream get to see what has come of a direction before a chunk is full: as observed of Suricata 8.0.8, protocol by protocol.</summary>
    public virtual StreamShow ShowsStream(Direction direction) => StreamShow.AtEnd;

    /// <summary>Passively rules on the stream see what is encrypted as well, as in Suricata; inline such a stream is given up.</summary>
    public virtual bool ShowsEncryptedStream => false;

    /// <summary>
    /// What the parser takes of one side is no news to hooks of the other: those of the response begin with the response (HTTP/1, SMTP, FTP). Of all other protocols, as in
    /// Suricata, either side's bytes make both sides' hooks be asked again.
    /// </summary>
    public virtual bool KeepsSidesApart => false;

    /// <summary>Bytes that move no transaction tell nothing new of it (the binary packets of SSH): firewall hooks are asked when it moves.</summary>
    public virtual bool MovesOnlyWithProgress => false;

    /// <summary>What becomes of its encrypted connections where <c>encryption-handling</c> does not say it.</summary>
    public virtual EncryptionHandling DefaultEncryptionHandling => EncryptionHandling.TrackOnly;

    /// <summary>
    /// An encrypted connection still has an end that rules and firewall see, with a packet of our own in each direction: Suricata keeps the
    /// one transaction of such a protocol as long as the flow.
    /// </summary>
    public virtual bool OutlivesHandshake => false;

    /// <summary>
    /// Where the flow goes on as another protocol, what there is of this one is inspected and logged with packets of our own as soon as both sides have agreed; else
    /// with the packet that says so, and then with packets of our own.
    /// </summary>
    public virtual bool LeavesAtOnce => true;

    /// <summary>The direction that sends the first byte, where the protocol has one (HTTP: the client); null: either.</summary>
    public virtual Direction? FirstData => null;

    /// <summary>The direction that must: a flow in which the other speaks first is nobody's. As observed of Suricata 8.0.8, which insists on it for few protocols.</summary>
    public virtual Direction? OnlyFirst => null;

    /// <summary>The server greets before the client speaks: when the client's bytes tell the protocol, a greeting that waits is parsed first.</summary>
    public virtual bool ServerGreets => false;

    /// <summary>Lost bytes are survivable: <see cref="ProtocolState.OnGap"/> may be called. Otherwise a gap ends parsing.</summary>
    public virtual bool AcceptsGaps => false;

    /// <summary>Transactions are one direction each (DNS, MQTT, SNMP …): the other direction is not waited for.</summary>
    public virtual bool IsUnidirectional => false;

    /// <summary>A header field of a transaction's request, in protocols that have such; its name in lower case.</summary>
    public virtual bool TryGetRequestHeader(Transaction transaction, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        return false;
    }

    /// <summary>Takes over at once where an upgrade to it was agreed on: there is nothing to detect.</summary>
    public virtual bool FollowsUpgrade => false;

    /// <summary>The directions in which transactions carry files: there <c>file.data</c>, <c>file.name</c>, <c>filesize</c> and the other file keywords apply.</summary>
    /// <remarks>A protocol that publishes a buffer <c>file.data</c> of its own overrides the general one.</remarks>
    public virtual DirectionMask FileDirections => DirectionMask.None;

    /// <summary>The progress from which files of a direction can be asked for.</summary>
    public virtual byte FileProgress(Direction direction) => 0;

    /// <summary>The EVE records of a transaction.</summary>
    public virtual EveLogger[] Loggers => [];

    /// <summary>A bit for each of <see cref="Loggers"/>: what <see cref="Transaction.LoggedMask"/> is when all is written.</summary>
    internal uint LoggerMask => (1u << Loggers.Length) - 1;

    /// <summary>Reads a bounded prefix and changes nothing.</summary>
    public virtual ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) => ProbeResult.NotMine;

    /// <summary>A new parser state; the engine pools them.</summary>
    public abstract ProtocolState CreateState(ProtocolSettings settings);

    /// <summary>Writes the protocol's object into an alert (EVE <c>alert</c> with <c>http: {…}</c>). Default: the first logger's record.</summary>
    public virtual void WriteAlertMetadata(EveWriter writer, Transaction transaction, Flow flow)
    {
        if (Loggers.Length > 0)
        {
            Loggers[0].Write(writer, transaction, flow, EveDetail.Alert);
        }
    }
}

/// <summary>Why a record is written: on its own or inside an alert.</summary>
public enum EveDetail : byte
{
    Record,
    Alert,
}

/// <summary>One EVE record type of a protocol.</summary>
public abstract class EveLogger
{
    /// <summary>EVE <c>event_type</c>; also its name under <c>outputs: eve-log: types</c> unless <see cref="ConfigurationName"/> differs.</summary>
    public abstract string EventType { get; }

    public virtual string ConfigurationName => EventType;

    /// <summary>The record has <c>tx_id</c> beside the protocol's object; Suricata writes it for HTTP/1 and SMTP only.</summary>
    public virtual bool WritesTransactionId => false;

    /// <summary>Source and destination of the record are the packet's; else the flow's client and server.</summary>
    public virtual bool UsesPacketDirection(Transaction transaction) => false;

    /// <summary>With <see cref="UsesPacketDirection(Transaction)"/>: the packet that brought the record about is shown as it is, also when it is an acknowledgement of the other side.</summary>
    public virtual bool UsesCarryingPacket => false;

    /// <summary>The same where an output's options decide.</summary>
    public virtual bool UsesPacketDirection(Transaction transaction, ProtocolSettings options) => UsesPacketDirection(transaction);

    /// <summary>The record is written when both directions reached these (a direction that can no longer move counts as complete).</summary>
    public abstract byte ProgressToServer { get; }

    public abstract byte ProgressToClient { get; }

    /// <summary>What the record shows is there before the transaction got so far: it is written now.</summary>
    public virtual bool IsDueEarly(Transaction transaction, ProtocolState state) => false;

    /// <summary>Writes the protocol's property (<c>"http": {…}</c>) into the open record; false when there is nothing to log.</summary>
    public abstract bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail);
}
