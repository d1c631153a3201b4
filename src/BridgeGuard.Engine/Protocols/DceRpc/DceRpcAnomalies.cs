namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>DCE/RPC has no named oddities: rule sets know none. Bytes that are no PDU end the parsing of the flow, which is counted.</summary>
internal static class DceRpcAnomalies
{
    public static readonly AnomalyDescriptor[] All = [];
}
