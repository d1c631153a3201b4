using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Writes the <c>dcerpc</c> object.</summary>
internal sealed class DceRpcEve : EveLogger
{
    public override string EventType => "dcerpc";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dcerpc = (DceRpcTransaction)transaction;
        DceRpcCall call = dcerpc.Call;
        writer.StartObject("dcerpc"u8);
        writer.Text("request"u8, call.Request == DceRpcType.None ? "REQUEST_LOST"u8 : DceRpcTables.Name(call.Request));
        if (call.Request == DceRpcType.Request)
        {
            writer.StartObject("req"u8);

            // Version 4's number is not shown; consumers compare with 0.
            writer.Number("opnum"u8, dcerpc.IsDatagram ? 0L : call.OperationNumber);
            WriteSizes(writer, call.RequestFragments, call.RequestStub.Length);
            writer.EndObject();
        }

        if (call.Request is DceRpcType.Bind or DceRpcType.Request && !dcerpc.IsDatagram)
        {
            WriteInterfaces(writer, call, withAnswer: true, withReason: false);
        }

        writer.Text("response"u8, call.Response == DceRpcType.None ? "UNREPLIED"u8 : DceRpcTables.Name(call.Response));
        if (call.Response == DceRpcType.Response)
        {
            writer.StartObject("res"u8);
            WriteSizes(writer, call.ResponseFragments, call.ResponseStub.Length);
            writer.EndObject();
        }

        if (dcerpc.IsDatagram)
        {
            Span<byte> text = stackalloc byte[36];
            dcerpc.Activity.Format(text);
            writer.Text("activityuuid"u8, text);
            writer.Number("seqnum"u8, (long)dcerpc.SequenceNumber);
        }
        else
        {
            writer.Number("call_id"u8, (long)call.CallId);
        }

        WriteVersion(writer, "rpc_version"u8, dcerpc.MajorVersion, dcerpc.MinorVersion);
        writer.EndObject();
        return true;
    }

    /// <summary>Writes <c>interfaces</c>, when there are any; with the server's answers where it gave them.</summary>
    public static void WriteInterfaces(EveWriter writer, DceRpcCall call, bool withAnswer, bool withReason)
    {
        if (call.InterfaceCount == 0)
        {
            return;
        }

        Span<byte> text = stackalloc byte[36];
        writer.StartArray("interfaces"u8);
        foreach (ref readonly DceRpcInterface item in call.Interfaces)
        {
            writer.StartObject();
            item.Uuid.Format(text);
            writer.Text("uuid"u8, text);
            WriteVersion(writer, "version"u8, item.Major, item.Minor);
            if (item.IsAnswered && withAnswer)
            {
                writer.Number("ack_result"u8, (long)item.Result);
            }

            if (item.IsAnswered && withAnswer && withReason)
            {
                // The reason was never shown; consumers compare with 0.
                writer.Number("ack_reason"u8, 0L);
            }

            writer.EndObject();
        }

        writer.EndArray();
    }

    public static void WriteSizes(EveWriter writer, int fragments, int stubBytes)
    {
        writer.Number("frag_cnt"u8, (long)fragments);
        writer.Number("stub_data_size"u8, (long)stubBytes);
    }

    private static void WriteVersion(EveWriter writer, ReadOnlySpan<byte> name, int major, int minor)
    {
        Span<byte> text = stackalloc byte[24];
        System.Buffers.Text.Utf8Formatter.TryFormat(major, text, out int length);
        text[length++] = (byte)'.';
        System.Buffers.Text.Utf8Formatter.TryFormat(minor, text[length..], out int more);
        writer.Text(name, text[..(length + more)]);
    }
}
