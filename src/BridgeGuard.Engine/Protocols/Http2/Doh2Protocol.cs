using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dns;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>DNS over HTTP/2 (RFC 8484): the name that an HTTP/2 flow takes with its first DNS message, with the buffers of both.</summary>
public sealed class Doh2Protocol : Protocol
{
    public override ProtocolId Id => ProtocolId.Doh2;

    public override string Name => "doh2";

    public override string ConfigurationName => "http2";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override string[] Frames => Http2Frames.Names;

    public override BufferDescriptor[] Buffers { get; } = [.. Http2Buffers.All, .. Array.ConvertAll(DnsBuffers.Dns, Shift)];

    public override FieldDescriptor[] Fields { get; } = [.. Http2Buffers.Fields, .. Array.ConvertAll(DnsBuffers.Fields, Shift)];

    public override KeywordDescriptor[] Keywords => Http2Keywords.All;

    public override AnomalyDescriptor[] Anomalies => Http2Anomalies.All;

    public override EveLogger[] Loggers { get; } = [new Doh2Eve(), new Doh2HttpEve()];

    public override DirectionMask FileDirections => DirectionMask.Both;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => Http2Progress.Complete;

    public override bool TryGetRequestHeader(Transaction transaction, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value) =>
        ((Http2Transaction)transaction).Client.Headers.TryGetIgnoringCase(name, out value);

    public override ProtocolState CreateState(ProtocolSettings settings) =>
        new Http2Parser(ProtocolCatalog.Get(ProtocolId.Http2)!, new Http2Limits(settings));

    public override void WriteAlertMetadata(EveWriter writer, Transaction transaction, Flow flow)
    {
        Http2Eve.WriteObject(writer, (Http2Transaction)transaction);
        Doh2Eve.WriteDns(writer, (Http2Transaction)transaction, flow, EveDetail.Alert);
    }

    private static BufferDescriptor Shift(BufferDescriptor buffer) => new()
    {
        Name = buffer.Name,
        Aliases = buffer.Aliases,
        LegacyModifiers = buffer.LegacyModifiers,
        LocalId = buffer.LocalId + Http2Transaction.FirstDnsId,
        Directions = buffer.Directions,
        IsMulti = buffer.IsMulti,
        Help = buffer.Help,
    };

    private static FieldDescriptor Shift(FieldDescriptor field) => new()
    {
        Name = field.Name,
        Aliases = field.Aliases,
        LocalId = field.LocalId + Http2Transaction.FirstDnsId,
        Directions = field.Directions,
        Bits = field.Bits,
        Names = field.Names,
        TakesSelector = field.TakesSelector,
        IsMulti = field.IsMulti,
        Help = field.Help,
    };
}
