namespace BridgeGuard.Attachments.Guests;

/// <summary>What kind of device a PCI address is, from sysfs.</summary>
internal static class PciClasses
{
    /// <summary>PCI class 02xxxx is a network controller. A device that the host does not show (any more) may be one.</summary>
    public static bool IsNetwork(int domain, int bus, int slot, int function)
    {
        try
        {
            string path = $"/sys/bus/pci/devices/{domain:x4}:{bus:x2}:{slot:x2}.{function}/class";
            return !File.Exists(path) || File.ReadAllText(path).StartsWith("0x02", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
