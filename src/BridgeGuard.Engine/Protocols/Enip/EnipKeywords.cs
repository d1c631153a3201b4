using System.Globalization;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Integer keywords: of the header, of an identity, of CIP services.</summary>
internal static class EnipKeywords
{
    private const byte ClassSegment = 0x20;
    private const byte InstanceSegment = 0x24;
    private const byte AttributeSegment = 0x30;

    public static readonly KeywordDescriptor[] All =
    [
        Keyword("enip_command", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU16, TestCommand, EnipTables.Commands), "the command, a number or a name"),
        Keyword("enip.status", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU32, TestStatus, EnipTables.Statuses), "the status of the header"),
        Keyword("enip.protocol_version", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU16, TestVersion), "the protocol version of a session, identity or service"),
        Keyword("enip.capabilities", DirectionMask.ToClient, IntegerKeyword.Parser(IntegerRange.MaxU16, TestCapabilities), "the capabilities of a service"),
        Identity("enip.vendor_id", IntegerRange.MaxU16, TestVendor, "the vendor in an identity"),
        Identity("enip.device_type", IntegerRange.MaxU16, TestDevice, "the device type in an identity"),
        Identity("enip.product_code", IntegerRange.MaxU16, TestProduct, "the product code in an identity"),
        Identity("enip.revision", IntegerRange.MaxU16, TestRevision, "the revision in an identity: major above minor"),
        Identity("enip.identity_status", IntegerRange.MaxU16, TestIdentityStatus, "the status in an identity"),
        Identity("enip.serial", IntegerRange.MaxU32, TestSerial, "the serial number in an identity"),
        Identity("enip.state", IntegerRange.MaxU8, TestState, "the state in an identity"),
        Keyword("enip.cip_class", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU32, TestClass), "a class in a request's path"),
        Keyword("enip.cip_instance", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU32, TestInstance), "an instance in a request's path"),
        Keyword("enip.cip_attribute", DirectionMask.Both, IntegerKeyword.Parser(IntegerRange.MaxU32, TestAttribute), "an attribute in a request's path or list"),
        Keyword("enip.cip_status", DirectionMask.ToClient, IntegerKeyword.Parser(IntegerRange.MaxU8, TestCipStatus), "the general status of a CIP response"),
        Keyword("enip.cip_extendedstatus", DirectionMask.ToClient, IntegerKeyword.Parser(IntegerRange.MaxU16, TestExtended), "the extended status of a CIP response"),
        Keyword("cip_service", DirectionMask.Both, ParseService, "a CIP service, with class and attribute where wanted: service,class,attribute"),
    ];

    private static KeywordDescriptor Keyword(string name, DirectionMask directions, KeywordParser parse, string help) => new()
    {
        Name = name,
        Directions = directions,
        Parse = parse,
        Help = help,
    };

    private static KeywordDescriptor Identity(string name, ulong max, IntegerTest test, string help) =>
        Keyword(name, DirectionMask.ToClient, IntegerKeyword.Parser(max, test), help);

    private static bool TestCommand(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage message = ((EnipTransaction)transaction).Message(direction);
        return message.Exists && range.Matches(message.Command);
    }

    private static bool TestStatus(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage message = ((EnipTransaction)transaction).Message(direction);
        return message.Exists && range.Matches(message.Status);
    }

    private static bool TestVersion(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage message = ((EnipTransaction)transaction).Message(direction);
        return message.Content is EnipContent.RegisterSession or EnipContent.Identity or EnipContent.Services && range.Matches(message.ProtocolVersion);
    }

    private static bool TestCapabilities(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage response = ((EnipTransaction)transaction).Response;
        return response.Content == EnipContent.Services && range.Matches(response.Options);
    }

    private static bool TryGetIdentity(Transaction transaction, out EnipMessage response)
    {
        response = ((EnipTransaction)transaction).Response;
        return response.Content == EnipContent.Identity;
    }

    private static bool TestVendor(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.VendorId);

    private static bool TestDevice(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.DeviceType);

    private static bool TestProduct(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.ProductCode);

    private static bool TestRevision(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches((ulong)((identity.RevisionMajor << 8) | identity.RevisionMinor));

    private static bool TestIdentityStatus(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.IdentityStatus);

    private static bool TestSerial(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.Serial);

    private static bool TestState(Transaction transaction, Direction direction, in IntegerRange range) =>
        TryGetIdentity(transaction, out EnipMessage identity) && range.Matches(identity.State);

    private static bool TestClass(Transaction transaction, Direction direction, in IntegerRange range) => TestSegments(transaction, ClassSegment, in range);

    private static bool TestInstance(Transaction transaction, Direction direction, in IntegerRange range) => TestSegments(transaction, InstanceSegment, in range);

    private static bool TestAttribute(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage request = ((EnipTransaction)transaction).Request;
        for (int i = 0; i < request.AttributeCount; i++)
        {
            if (range.Matches(request.Attribute(i)))
            {
                return true;
            }
        }

        return TestSegments(transaction, AttributeSegment, in range);
    }

    /// <summary>The request is asked in both directions: a response repeats no path.</summary>
    private static bool TestSegments(Transaction transaction, byte type, in IntegerRange range)
    {
        EnipMessage request = ((EnipTransaction)transaction).Request;
        for (int i = 0; i < request.SegmentCount; i++)
        {
            if ((request.Segment(i).Type & 0xfc) == type && range.Matches(request.Segment(i).Value))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TestCipStatus(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage response = ((EnipTransaction)transaction).Response;
        for (int i = 0; i < response.ServiceCount; i++)
        {
            if (range.Matches(response.Service(i).Status))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TestExtended(Transaction transaction, Direction direction, in IntegerRange range)
    {
        EnipMessage response = ((EnipTransaction)transaction).Response;
        for (int i = 0; i < response.ServiceCount; i++)
        {
            ReadOnlySpan<byte> bytes = response.Bytes[response.Service(i).ExtendedStatus];
            if (bytes.Length == 2 && range.Matches((ulong)(bytes[0] | (bytes[1] << 8))))
            {
                return true;
            }
        }

        return false;
    }

    private static TransactionMatcher? ParseService(string? argument, out string error)
    {
        string[] parts = (argument ?? "").Split(',', StringSplitOptions.TrimEntries);
        error = "";
        uint classId = 0;
        uint attribute = 0;
        if (parts.Length <= 3 && byte.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out byte service) && service < 0x80
            && (parts.Length < 2 || uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out classId))
            && (parts.Length < 3 || uint.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out attribute)))
        {
            return new ServiceMatcher(service, parts.Length > 1 ? classId : null, parts.Length > 2 ? attribute : null);
        }

        error = $"«{argument}» is no service, expected SERVICE, SERVICE,CLASS or SERVICE,CLASS,ATTRIBUTE";
        return null;
    }

    private sealed class ServiceMatcher(byte service, uint? classId, uint? attribute) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            EnipMessage message = ((EnipTransaction)transaction).Message(direction);
            for (int i = 0; i < message.ServiceCount; i++)
            {
                ref readonly CipService entry = ref message.Service(i);
                if (entry.Service == service
                    && (classId is not { } wantedClass || Has(message, in entry, ClassSegment, wantedClass))
                    && (attribute is not { } wantedAttribute || Has(message, in entry, AttributeSegment, wantedAttribute)))
                {
                    return true;
                }
            }

            return false;
        }

        private static bool Has(EnipMessage message, in CipService entry, byte type, uint value)
        {
            for (int i = entry.FirstSegment; i < entry.FirstSegment + entry.SegmentCount; i++)
            {
                if ((message.Segment(i).Type & 0xfc) == type && message.Segment(i).Value == value)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
