// The reads of the peers that run on Node: a pool of kept prepared statements, and the rows of
// many keys by one statement.

import { readFileSync } from "node:fs";
import pg from "pg";

// Idle connections are kept: here each server waits for its turn.
const pool = new pg.Pool({ max: Number(process.env.POOL_SIZE), idleTimeoutMillis: 0 });

const text = readFileSync(new URL("statements.sql", import.meta.url), "utf8");
const statements = Object.fromEntries(
  text.split("-- name: ").slice(1).map((block) => {
    const end = block.indexOf("\n");
    return [block.slice(0, end), block.slice(end + 1).trim()];
  }),
);

/** A named statement is prepared once per connection. */
async function rows(name, values, statement = statements[name]) {
  return (await pool.query({ name, text: statement, values })).rows;
}

/** For each key, its row or null. */
export async function one(name, keys) {
  const found = new Map((await rows(name, [unique(keys)])).map((row) => [row.key, row]));
  return keys.map((key) => found.get(key) ?? null);
}

/** For each key, its rows; further `values` are parameters of the statement. */
export async function many(name, keys, ...values) {
  const found = Map.groupBy(await rows(name, [unique(keys), ...values]), (row) => row.key);
  return keys.map((key) => found.get(key) ?? []);
}

export async function workers({ districtCode, minimumYearsExperience } = {}, first) {
  const values = [first];
  let name = "workers";
  let where = "";
  if (districtCode != null) {
    name += "_of_district";
    where += ` AND district_id = (SELECT id FROM district WHERE lgd_code = $${values.push(districtCode)})`;
  }
  if (minimumYearsExperience != null) {
    name += "_experienced";
    where += ` AND years_experience >= $${values.push(minimumYearsExperience)}`;
  }
  return rows(name, values, `${statements.workers}${where} ORDER BY code LIMIT $1`);
}

function unique(keys) {
  return [...new Set(keys.filter((key) => key !== null))];
}

/** The text in the language asked for, or in the other where there is none. */
export function spoken(language, english, hindi) {
  return language === "HI" ? hindi || english : english || hindi;
}

export function displayName(row, language) {
  const first = spoken(language, row.first_name_en, row.first_name_hi);
  const letter = spoken(language, row.initial_en, row.initial_hi);
  if (!first) return language === "HI" ? "पूर्व सेवा मित्र" : "Former worker";
  return letter ? `${first} ${letter}.` : first;
}

const named = { name: (row, { language }) => spoken(language, row.name_en, row.name_hi) };
const location = (row) => ({ latitude: row.latitude, longitude: row.longitude });

/** What is computed of a row, for every type: the same for all of them. */
export const computed = {
  Worker: {
    firstName: (row, { language }) => spoken(language, row.first_name_en, row.first_name_hi),
    initial: (row, { language }) => spoken(language, row.initial_en, row.initial_hi),
    displayName: (row, { language }) => displayName(row, language),
    yearsExperience: (row) => row.years_experience,
    location,
  },
  District: {
    ...named,
    lgdCode: (row) => row.lgd_code,
    headquarters: (row, { language }) =>
      spoken(language, row.headquarters_en, row.headquarters_hi),
    location,
  },
  Division: named,
  Provider: {
    ...named,
    empanelledFrom: (row) => row.empanelled_from,
    empanelledUntil: (row) => row.empanelled_until,
  },
  WorkerSkill: {
    yearsExperience: (row) => row.years_experience,
    nsqfLevel: (row) => row.nsqf_level,
  },
  ServiceCategory: { ...named, ncoCode: (row) => row.nco_code },
  Service: { ...named, durationMinutes: (row) => row.duration_minutes },
  RatingSummary: {
    mean: (row) => (row.count ? Number((row.sum / row.count).toFixed(1)) : null),
    bayesian: (row) => Number(row.bayesian.toFixed(3)),
  },
  Review: {
    reviewerName: (row, { language }) =>
      spoken(language, row.reviewer_name_en, row.reviewer_name_hi),
  },
  Booking: { completedMonth: (row) => row.completed_month },
};
