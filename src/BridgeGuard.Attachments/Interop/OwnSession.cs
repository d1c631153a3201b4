namespace BridgeGuard.Attachments.Interop;

/// <summary>Leaves the terminal and the process group of whoever started this process: their signals are not for it.</summary>
public static class OwnSession
{
    /// <summary>Nothing happens in a process that leads its group already.</summary>
    public static void Begin() => Libc.SetSession();
}
