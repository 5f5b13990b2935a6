using System.Reflection;
using System.Text;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Core.Detection;
using StragglerGuard.Core.Planning;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Ledger;

/// <summary>Decisions of every kind that the product has, found by reflection so that none is forgotten, with any values.</summary>
internal static class AnyDecision
{
    private static readonly double[] Odd = [0, -0.0, 1, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon, double.MaxValue, 0.1];

    private static readonly string[] Words =
        ["", " ", "rank 3 takes 1.70 times", "×→ 日本", "\"quoted\" \\ </script>", "line\r\nbreak\ttab", "\0\u001b[2J", "😀", "\u2028", "'; DROP TABLE x; --", "NaN"];

    public static IReadOnlyList<Type> Kinds { get; } =
    [
        .. typeof(LedgerDecision).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LedgerDecision)) && !type.IsAbstract)
            .OrderBy(type => type.Name, StringComparer.Ordinal),
    ];

    public static LedgerDecision Of(Type kind, Random random)
    {
        ConstructorInfo constructor = kind.GetConstructors().MaxBy(candidate => candidate.GetParameters().Length)!;
        var decision = (LedgerDecision)constructor.Invoke([.. constructor.GetParameters().Select(parameter => Value(parameter, random))]);
        return decision switch
        {
            PlanDecided plan => plan with
            {
                Moves = [.. Ints(random, 0).Select(slot => new WorkerMove(slot, (WorkerId)Value(typeof(WorkerId), random), Text(random)))],
            },
            PlanGraded graded => graded with { KindRests = random.Next(2) == 0 },
            _ => decision,
        };
    }

    private static object? Value(ParameterInfo parameter, Random random)
    {
        bool canBeNull = new NullabilityInfoContext().Create(parameter).ReadState == NullabilityState.Nullable;
        return canBeNull && random.Next(3) == 0 ? null : Value(parameter.ParameterType, random);
    }

    private static object Value(Type type, Random random)
    {
        if (type.IsEnum)
        {
            Array values = Enum.GetValues(type);
            return values.GetValue(random.Next(values.Length))!;
        }

        return type switch
        {
            _ when type == typeof(string) => Text(random),
            _ when type == typeof(int) => random.Next(4) == 0 ? int.MinValue : random.Next(),
            _ when type == typeof(long) => Long(random),
            _ when type == typeof(bool) => random.Next(2) == 0,
            _ when type == typeof(double) => Double(random),
            _ when type == typeof(JobId) => new JobId(Text(random).Replace("\0", "", StringComparison.Ordinal)),
            _ when type == typeof(Generation) => new Generation(random.Next()),
            _ when type == typeof(Rank) => new Rank(random.Next()),
            _ when type == typeof(PlanEpoch) => new PlanEpoch(Long(random)),
            _ when type == typeof(WorkerId) => new WorkerId(new NodeId(Text(random)), Text(random)),
            _ when type == typeof(IReadOnlyList<int>) => Ints(random, -1),
            _ when type == typeof(JobPlan) => Plan(random),
            _ when type == typeof(Verdict) => AnyVerdict(random),
            _ => throw new NotSupportedException($"say what a {type} can be"),
        };
    }

    private static JobPlan Plan(Random random)
    {
        int[] shares = [random.Next(0, 9), .. Ints(random, JobPlan.NotMember)];
        int members = shares.Count(share => share != JobPlan.NotMember);
        return new JobPlan(new PlanEpoch(random.NextInt64()), new Generation(random.Next()), shares, random.NextInt64(), random.Next(members), random.Next(2) == 0);
    }

    private static Verdict AnyVerdict(Random random) => new(
        Maybe(random, () => new Rank(random.Next())), (VerdictKind)Value(typeof(VerdictKind), random), Long(random), Long(random), Double(random),
        (Cause)Value(typeof(Cause), random), Text(random))
    {
        Confidence = Double(random),
        Culprit = new Culprit(
            Maybe(random, () => new Rank(random.Next())), Maybe(random, random.Next), Maybe(random, random.Next),
            Maybe(random, () => new NodeId(Text(random)))),
        Evidence = new VerdictEvidence(Double(random), Double(random), Double(random), Double(random), random.Next())
        {
            Peers = random.Next(3) == 0 ? null : [.. Ints(random, 0).Select(rank => new Rank(rank))],
        },
    };

    private static T? Maybe<T>(Random random, Func<T> value)
        where T : struct => random.Next(3) == 0 ? null : value();

    private static double Double(Random random) =>
        random.Next(2) == 0 ? Odd[random.Next(Odd.Length)] : BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));

    private static long Long(Random random) => random.Next(4) == 0 ? random.Next(2) == 0 ? long.MaxValue : long.MinValue : random.NextInt64();

    private static int[] Ints(Random random, int least) => [.. Enumerable.Range(0, random.Next(9)).Select(_ => random.Next(least, 1 << 20))];

    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (int words = random.Next(4); words >= 0; words--)
        {
            text.Append(Words[random.Next(Words.Length)]);
        }

        return text.ToString();
    }
}
