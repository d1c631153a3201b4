using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Guests;

/// <summary>Reads libvirt's domain XML: definitions (<c>/etc/libvirt/qemu/*.xml</c>) and the status of running domains (<c>/run/libvirt/qemu/*.xml</c>).</summary>
/// <remarks>
/// Formats: libvirt's domain format, and <c>domstatus</c> around it for running ones, whose interfaces carry the port names in use.
/// Tags come from <c>metadata</c> in the namespace <see cref="MetadataNamespace"/> or, where Nova made the domain, from its own.
/// </remarks>
public static class LibvirtDomains
{
    public const string MetadataNamespace = "https://bridgeguard.io/xmlns/guest/1";

    /// <summary>A domain's XML is a few kilobytes; more is not one.</summary>
    private const long MaxFileBytes = 4 << 20;

    private const string LibosinfoNamespace = "http://libosinfo.org/xmlns/libvirt/domain/1.0";

    /// <summary>The domains of a folder; a folder that is not there has none.</summary>
    public static IEnumerable<GuestRecord> Read(string folder, bool isRunning, List<GuestFileProblem> problems)
    {
        foreach (string file in GuestFiles.In(folder, "*.xml"))
        {
            if (Parse(file, isRunning, problems) is { } guest)
            {
                yield return guest;
            }
        }
    }

    private static GuestRecord? Parse(string file, bool isRunning, List<GuestFileProblem> problems)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using XmlReader reader = XmlReader.Create(stream, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, MaxCharactersInDocument = MaxFileBytes });
            XElement root = XDocument.Load(reader).Root!;
            XElement? domain = root.Name.LocalName == "domain" ? root : root.Element("domain");
            if (domain?.Element("name")?.Value is not { Length: > 0 } name)
            {
                problems.Add(new GuestFileProblem(file, 1, 1, $"<{root.Name.LocalName}> is no libvirt domain, expected <domain> with a <name>"));
                return null;
            }

            return new GuestRecord
            {
                Name = name,
                Uuid = GuestText.Uuid(domain.Element("uuid")?.Value),
                Source = isRunning ? GuestSource.LibvirtRunning : GuestSource.Libvirt,
                File = file,
                Tags = [.. Tags(domain)],
                Os = Os(domain),
                Tenant = Tenant(domain),
                Role = Own(domain, "role").Select(e => e.Value.Trim()).FirstOrDefault(r => r.Length > 0),
                Nics = [.. Nics(domain)],
            };
        }
        catch (XmlException e)
        {
            problems.Add(new GuestFileProblem(file, e.LineNumber, e.LinePosition, $"not valid XML: {e.Message}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new GuestFileProblem(file, 0, 0, $"cannot be read: {e.Message}"));
        }

        return null;
    }

    private static IEnumerable<XElement> Own(XElement domain, string name) =>
        domain.Element("metadata")?.Descendants(XName.Get(name, MetadataNamespace)) ?? [];

    private static IEnumerable<string> Tags(XElement domain)
    {
        foreach (XElement tag in Own(domain, "tag"))
        {
            yield return tag.Value.Trim();
        }

        // OpenStack: <nova:instance><nova:flavor name="m1.small"> … and free properties are no tags; the project is the tenant.
        foreach (XElement property in domain.Element("metadata")?.Descendants().Where(e => e.Name.LocalName == "tag" && e.Name.NamespaceName.Contains("openstack", StringComparison.Ordinal)) ?? [])
        {
            yield return property.Value.Trim();
        }
    }

    private static string Tenant(XElement domain) =>
        Own(domain, "tenant").Select(e => e.Value.Trim()).FirstOrDefault()
        ?? domain.Element("metadata")?.Descendants().FirstOrDefault(e => e.Name.LocalName == "project" && e.Name.NamespaceName.Contains("openstack", StringComparison.Ordinal))?.Value.Trim()
        ?? "";

    /// <summary><c>http://debian.org/debian/12</c> is <c>debian12</c>; without libosinfo the machine says at least Windows, by its clock and Hyper-V features.</summary>
    private static string Os(XElement domain)
    {
        string? id = domain.Element("metadata")?.Descendants(XName.Get("os", LibosinfoNamespace)).Select(e => e.Attribute("id")?.Value).FirstOrDefault();
        if (id is not null)
        {
            string[] parts = id.TrimEnd('/').Split('/');
            return parts.Length >= 2 ? (parts[^2] + parts[^1]).ToLowerInvariant() : id.ToLowerInvariant();
        }

        return domain.Element("features")?.Element("hyperv") is not null && domain.Element("clock")?.Attribute("offset")?.Value == "localtime" ? "windows" : "";
    }

    private static IEnumerable<GuestNic> Nics(XElement domain)
    {
        XElement? devices = domain.Element("devices");
        foreach (XElement element in devices?.Elements("interface") ?? [])
        {
            yield return Nic(element);
        }

        // A whole NIC or a virtual function handed to the guest: its frames never see the host.
        foreach (XElement host in devices?.Elements("hostdev") ?? [])
        {
            if (host.Attribute("type")?.Value == "pci" && IsNetworkClass(host))
            {
                yield return new GuestNic { Uncovered = "a PCI network device is passed through to the guest" };
            }
        }
    }

    private static bool IsNetworkClass(XElement host) => host.Element("source")?.Element("address") is { } address && PciClasses.IsNetwork(
        Number(address.Attribute("domain")?.Value), Number(address.Attribute("bus")?.Value), Number(address.Attribute("slot")?.Value), Number(address.Attribute("function")?.Value));

    private static int Number(string? text) => text is null ? 0
        : text.StartsWith("0x", StringComparison.Ordinal)
            ? int.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int hex) ? hex : 0
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int plain) ? plain : 0;

    private static GuestNic Nic(XElement element)
    {
        string type = element.Attribute("type")?.Value ?? "";
        XElement? source = element.Element("source");
        GuestText.TryParseMac(element.Element("mac")?.Attribute("address")?.Value, out ulong mac);
        string? target = element.Element("target")?.Attribute("dev")?.Value;

        // A running domain on a virtual network says which bridge that was (<actual>).
        XElement? actual = element.Element("actual");
        XElement? actualSource = actual?.Element("source");
        string actualType = actual?.Attribute("type")?.Value ?? type;
        return new GuestNic
        {
            Mac = mac,
            Ports = target is null ? [] : [target],
            Bridge = actualSource?.Attribute("bridge")?.Value ?? source?.Attribute("bridge")?.Value ?? "",
            Vlan = Vlan(actual?.Element("vlan") ?? element.Element("vlan")),
            Addresses = [.. Addresses(element)],
            Uncovered = actualType switch
            {
                "hostdev" => "SR-IOV: a virtual function is passed through to the guest",
                "direct" => $"macvtap ({actualSource?.Attribute("mode")?.Value ?? source?.Attribute("mode")?.Value ?? "vepa"}) on {actualSource?.Attribute("dev")?.Value ?? source?.Attribute("dev")?.Value ?? "a NIC"}: its frames pass no bridge port",
                "vhostuser" => "vhost-user: its frames go to a user-space switch, past every bridge",
                "vdpa" => "vDPA: its frames go to hardware, past every bridge",
                "user" => "user-mode networking: its connections are the host's own",
                _ => null,
            },
        };
    }

    private static ushort Vlan(XElement? vlan)
    {
        // A trunk is several VLANs and so none.
        XElement[] tags = [.. vlan?.Elements("tag") ?? []];
        return tags.Length == 1 && ushort.TryParse(tags[0].Attribute("id")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out ushort id) ? id : (ushort)0;
    }

    private static IEnumerable<IpAddress> Addresses(XElement element)
    {
        foreach (XElement ip in element.Elements("ip"))
        {
            if (GuestText.TryParseAddress(ip.Attribute("address")?.Value, out IpAddress address))
            {
                yield return address;
            }
        }

        // nwfilter's own way to say which addresses the guest has.
        foreach (XElement parameter in element.Element("filterref")?.Elements("parameter") ?? [])
        {
            if (parameter.Attribute("name")?.Value is "IP" or "IPV6" && GuestText.TryParseAddress(parameter.Attribute("value")?.Value, out IpAddress address))
            {
                yield return address;
            }
        }
    }
}
