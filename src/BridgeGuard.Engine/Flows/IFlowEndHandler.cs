namespace BridgeGuard.Engine.Flows;

/// <summary>Told of the end of each flow while its objects are still whole.</summary>
public interface IFlowEndHandler
{
    /// <summary>Called once per flow, before it returns to the pool: flush streams, run what detection is left, log. Keep no reference.</summary>
    void OnFlowEnd(Flow flow, FlowEndReason reason);
}
