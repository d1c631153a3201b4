using System.Buffers.Text;
using System.Text;

namespace BridgeGuard.Engine.Events;

/// <summary>EVE <c>proto</c>: names of the IP protocols as IANA registers them; numbers without a name are written as digits.</summary>
internal static class ProtocolNames
{
    private static readonly string[] Named =
    [
        "HOPOPT", "ICMP", "IGMP", "GGP", "IP-in-IP", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON", "NVP-II", "PUP", "ARGUS", "EMCON", "XNET",
        "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM", "XNS-IDP", "TRUNK-1", "TRUNK-2", "LEAF-1", "LEAF-2", "RDP", "IRTP", "ISO-TP4", "NETBLT",
        "MFE-NSP", "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++", "IL", "IPv6", "SDRP", "IPv6-Route", "IPv6-Frag", "IDRP",
        "RSVP", "GRE", "DSR", "BNA", "ESP", "AH", "I-NLSP", "SwIPe", "NARP", "MOBILE", "TLSP", "SKIP", "IPv6-ICMP", "IPv6-NoNxt", "IPv6-Opts", "Any",
        "CFTP", "Any", "SAT-EXPAK", "KRYPTOLAN", "RVD", "IPPC", "Any", "SAT-MON", "VISA", "IPCU", "CPNX", "CPHB", "WSN", "PVP", "BR-SAT-MON",
        "SUN-ND", "WB-MON", "WB-EXPAK", "ISO-IP", "VMTP", "SECURE-VMTP", "VINES", "TTP", "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPF", "Sprite-RPC",
        "LARP", "MTP", "AX.25", "OS", "MICP", "SCC-SP", "ETHERIP", "ENCAP", "Any", "GMTP", "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N",
        "IPComp", "SNP", "Compaq-Peer", "IPX-in-IP", "VRRP", "PGM", "Any", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP", "IS-IS",
        "FIRE", "CRTP", "CRUDP", "SSCOPMCE", "IPLT", "SPS", "PIPE", "SCTP", "FC", "RSVP-E2E-IGNORE", "Mobility", "UDPLite", "MPLS-in-IP", "manet",
        "HIP", "Shim6", "WESP", "ROHC", "Ethernet",
    ];

    private static readonly byte[][] Utf8 = Build();

    public static ReadOnlySpan<byte> Of(byte protocol) => Utf8[protocol];

    private static byte[][] Build()
    {
        byte[][] names = new byte[256][];
        Span<byte> digits = stackalloc byte[3];
        for (int i = 0; i < names.Length; i++)
        {
            if (i < Named.Length)
            {
                names[i] = Encoding.ASCII.GetBytes(Named[i]);
                continue;
            }

            Utf8Formatter.TryFormat(i, digits, out int length);
            names[i] = digits[..length].ToArray();
        }

        return names;
    }
}
