// PostGraphile 5 on grafserv, over the tables as they are: its usual preset with lists beside
// connections, and plans for what is computed.

import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { lambda, object } from "postgraphile/grafast";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { addPgTableCondition, extendSchema, gql, jsonPgSmartTags } from "postgraphile/utils";
import { displayName, spoken } from "./reads.mjs";

const inLanguage = (column) => (row, { $language }) =>
  lambda([$language, row.get(`${column}_en`), row.get(`${column}_hi`)], (values) =>
    spoken(...values), true);

const month = (column) => (row) => lambda(row.get(column), (day) => day && day.slice(0, 7), true);

const computed = extendSchema(() => ({
  typeDefs: gql`
    enum Language { EN HI }
    type Place { latitude: Float! longitude: Float! }
    extend type Worker {
      firstName(language: Language): String
      initial(language: Language): String
      displayName(language: Language): String!
      location: Place!
    }
    extend type Review { reviewerName(language: Language): String month: String! }
    extend type ReviewReply { month: String! }
    extend type Booking { monthCompleted: String }
    extend type RatingSummary { mean: Float }
  `,
  objects: {
    Worker: {
      plans: {
        firstName: inLanguage("first_name"),
        initial: inLanguage("initial"),
        displayName: (row, { $language }) =>
          lambda(
            object({
              language: $language,
              first_name_en: row.get("first_name_en"),
              first_name_hi: row.get("first_name_hi"),
              initial_en: row.get("initial_en"),
              initial_hi: row.get("initial_hi"),
            }),
            (values) => displayName(values, values.language),
            true,
          ),
        location: (row) =>
          object({ latitude: row.get("latitude"), longitude: row.get("longitude") }),
      },
    },
    Review: {
      plans: { reviewerName: inLanguage("reviewer_name"), month: month("published_month") },
    },
    ReviewReply: { plans: { month: month("replied_month") } },
    Booking: { plans: { monthCompleted: month("completed_month") } },
    RatingSummary: {
      plans: {
        mean: (row) =>
          lambda([row.get("sum"), row.get("count")], ([sum, count]) =>
            count ? Number((sum / count).toFixed(1)) : null, true),
      },
    },
  },
}));

const ofDistrict = addPgTableCondition(
  { schemaName: "public", tableName: "worker" },
  "districtCode",
  (build) => ({ type: build.graphql.GraphQLInt }),
  (value, { sql, sqlTableAlias, sqlValueWithCodec, build }) => {
    const code = sqlValueWithCodec(value, build.dataplanPg.TYPES.int);
    return sql`${sqlTableAlias}.district_id = (SELECT id FROM district WHERE lgd_code = ${code})`;
  },
);

const experienced = addPgTableCondition(
  { schemaName: "public", tableName: "worker" },
  "minimumYearsExperience",
  (build) => ({ type: build.graphql.GraphQLInt }),
  (value, { sql, sqlTableAlias, sqlValueWithCodec, build }) =>
    sql`${sqlTableAlias}.years_experience >= ${sqlValueWithCodec(value, build.dataplanPg.TYPES.int)}`,
);

const shown = addPgTableCondition(
  { schemaName: "public", tableName: "review" },
  "shown",
  (build) => ({ type: build.graphql.GraphQLBoolean }),
  (_, { sql, sqlTableAlias }) => sql`${sqlTableAlias}.state IN ('PUBLISHED', 'RESTORED')`,
);

// A booking that refers to another needs a name for the way back.
const named = jsonPgSmartTags({
  version: 1,
  config: {
    constraint: { "public.booking.booking_replaces_id_fkey": { tags: { foreignFieldName: "replacement" } } },
  },
});

const server = createServer();
server.on("error", (error) => {
  throw error;
});
const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  // It hides lists and orders that no whole index serves; ours are served by partial ones.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  plugins: [computed, ofDistrict, experienced, shown, named],
  schema: { defaultBehavior: "+connection +list", dontSwallowErrors: true },
  grafast: { explain: false },
  grafserv: { graphiql: false, watch: false },
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["public"],
      poolConfig: { max: Number(process.env.POOL_SIZE), idleTimeoutMillis: 0 },
    }),
  ],
});
// Requests that come before there is a schema are refused.
await instance.getSchema();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
