namespace BridgeGuard.Engine.Flows;

/// <summary>The direction of a flow that the kernel carries while the other one is inspected.</summary>
internal enum CarriedWay : byte
{
    None,
    ToServer,
    ToClient,
}
