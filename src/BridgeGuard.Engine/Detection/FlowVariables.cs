namespace BridgeGuard.Engine.Detection;

/// <summary>Flowbits, flowints and captured variables of one flow.</summary>
public sealed class FlowVariables
{
    public void Reset()
    {
    }
}
