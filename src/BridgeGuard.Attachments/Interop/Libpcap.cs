using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>The one call of libpcap that SharpPcap does not hand out.</summary>
internal static partial class Libpcap
{
    /// <summary>The descriptor to wait on; -1 when the device has none.</summary>
    [LibraryImport("libpcap.so.0.8", EntryPoint = "pcap_get_selectable_fd")]
    public static partial int SelectableFd(nint handle);
}
