using MixedFleet.Model;

namespace MixedFleet.Tests.Model;

public sealed class AdamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(67)]
    public void Step_OfAnyLength_EqualsTheAlgorithmAsPublished(int length)
    {
        const double rate = 0.01;
        const double scale = 0.25;
        double[] parameters = [.. Enumerable.Range(0, length).Select(i => Math.Cos(i))];
        double[] expected = [.. parameters];
        double[] m = new double[length];
        double[] v = new double[length];
        Adam<double> adam = new(length, rate);

        for (int t = 1; t <= 5; t++)
        {
            double[] sums = [.. Enumerable.Range(0, length).Select(i => Math.Sin((i * 3) + t))];
            adam.Step(parameters, sums, scale);
            for (int i = 0; i < length; i++)
            {
                double g = sums[i] * scale;
                m[i] = (0.9 * m[i]) + (0.1 * g);
                v[i] = (0.999 * v[i]) + (0.001 * g * g);
                double mHat = m[i] / (1 - Math.Pow(0.9, t));
                double vHat = v[i] / (1 - Math.Pow(0.999, t));
                expected[i] -= rate * mHat / (Math.Sqrt(vHat) + 1e-8);
            }
        }

        parameters.Zip(expected, (x, y) => Math.Abs(x - y)).Max().Should().BeLessThan(1e-12);
    }

    [Fact]
    public void Step_WithTheSameInput_GivesTheSameBits()
    {
        static float[] Run()
        {
            float[] parameters = new float[1003];
            float[] gradients = [.. Enumerable.Range(0, 1003).Select(i => MathF.Sin(i) * 1e-3f)];
            Adam<float> adam = new(1003);
            for (int step = 0; step < 20; step++)
            {
                adam.Step(parameters, gradients, 0.01f);
            }

            return parameters;
        }

        Run().Should().Equal(Run()).And.OnlyContain(value => float.IsFinite(value));
    }

    [Fact]
    public void Step_WithAVectorOfAnotherLength_Throws()
    {
        Adam<float> adam = new(4);
        adam.Invoking(it => it.Step(new float[5], new float[4], 1f)).Should().Throw<ArgumentOutOfRangeException>();
        adam.Invoking(it => it.Step(new float[4], new float[3], 1f)).Should().Throw<ArgumentOutOfRangeException>();
    }
}
