namespace BridgeGuard.Daemon.Configuration;

/// <summary>How long flows of a role are inspected: <c>inspection</c> in a role file.</summary>
public enum InspectionDepth
{
    /// <summary>Until nothing more can change the verdict.</summary>
    Early,

    /// <summary>To their end.</summary>
    Full,
}
